//! The executable. Everything it does is in the library, so that the tests run the same code.

fn main() -> std::process::ExitCode {
    illumichat::cli::main()
}
