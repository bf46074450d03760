"""What `sizes.py` counts, on small pieces of Rust."""

import unittest

import sizes


def functions(rust):
    return list(sizes.rust_functions(sizes.mask(rust)))


class Sizes(unittest.TestCase):
    def test_function_length_is_counted_from_fn_to_closing_brace(self):
        self.assertEqual(functions("/// Words.\npub fn a(\n    b: u8,\n) -> u8 {\n    b\n}\n"), [("a", 5)])

    def test_declaration_without_body_is_not_counted(self):
        self.assertEqual(functions("trait T { fn a(&self, b: [u8; 2]) -> u8;\n fn b() {\n} }"), [("b", 2)])

    def test_braces_in_strings_comments_and_chars_do_not_count(self):
        rust = 'fn a<\'x>() {\n let s = "}\\"{"; // }\n /* { /* } */ */ let r = r#"}"}"#; let c = \'}\'; let d = \'\\\'\';\n}\nfn b() {}\n'
        self.assertEqual(functions(rust), [("a", 4), ("b", 1)])

    def test_name_that_ends_in_r_does_not_start_a_raw_string(self):
        self.assertEqual(functions('fn a() {\n for"x}";\n}\n'), [("a", 3)])

    def test_root_counts_each_name_made_public(self):
        rust = "pub mod a;\npub use a::{B, c::{D, E as F}};\npub(crate) fn g() {}\npub struct H { pub i: u8 }\nmod j { pub fn k() {} }\n"
        self.assertEqual(sizes.root_items(sizes.mask(rust)), 5)

    def test_glob_passes_no_budget(self):
        self.assertGreater(sizes.root_items("pub use a::*;"), sizes.ROOT_ITEMS)

    def test_public_const_fn_counts_once(self):
        self.assertEqual(sizes.root_items("pub const fn a() {}\npub const B: u8 = 1;\n"), 2)

    def test_long_file_and_function_are_over_budget(self):
        text = "fn a() {\n" + "\n" * 600 + "}\n"
        over = [what for what, size, budget in sizes.measures("x.rs", text) if size > budget]
        self.assertEqual(over, ["file", "fn a"])


if __name__ == "__main__":
    unittest.main()
