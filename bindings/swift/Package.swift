// swift-tools-version: 6.0
//
// Tests of the generated Swift over the real Rust library, on Linux.
//
// Run by `tests/run swift`, which builds the library, fills generated/ (tests/setup/bindings swift) and calls
// `swift test` in a Debian trixie root (tests/setup/swift-root). On a Mac the same two steps work without the root.
// Only the boundary is tested here (types, errors, callbacks, async, cancel, close); rules are tested in Rust.
// Tests that make objects go into the suite `Bindings` in Tests/SamanvayTests, helpers into Sources/SamanvayTestSupport;
// `import Samanvay` gives the API.
//
// The generated code is in language mode 5: with an async foreign trait, mode 6 crashes Swift 6.0.3. The library is a
// shared one found by rpath, so that tests never run against a stale copy linked in.

import PackageDescription

let library = "\(Context.packageDirectory)/generated/lib"

let package = Package(
  name: "Samanvay",
  targets: [
    .systemLibrary(name: "SamanvayFFI", path: "generated/SamanvayFFI"),
    .target(
      name: "Samanvay",
      dependencies: ["SamanvayFFI"],
      path: "generated/Samanvay",
      swiftSettings: [.swiftLanguageMode(.v5), .unsafeFlags(["-suppress-warnings"])],
      linkerSettings: [
        .linkedLibrary("samanvay_bindings"),
        // The second flag: swiftlang/swift#75670.
        .unsafeFlags([
          "-L\(library)", "-Xlinker", "-rpath", "-Xlinker", library,
          "-Xlinker", "--allow-shlib-undefined",
        ]),
      ]),
    .target(name: "SamanvayTestSupport", dependencies: ["Samanvay"]),
    .testTarget(name: "SamanvayTests", dependencies: ["Samanvay", "SamanvayTestSupport"]),
  ]
)
