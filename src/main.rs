//! The program `icps`.

fn main() -> std::process::ExitCode {
    icps::commands::main(std::env::args_os()).into()
}
