//! The program `icps`.

fn main() {}
