//! Generates the Kotlin and Swift bindings from the built library; `tests/setup/bindings` calls it.

fn main() {
    uniffi::uniffi_bindgen_main();
}
