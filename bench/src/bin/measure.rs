//! The measuring program as it should be: with the allocator that people have.

fn main() -> std::process::ExitCode {
    session_bench::main(None)
}
