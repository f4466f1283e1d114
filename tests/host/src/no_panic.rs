// SPDX-License-Identifier: GPL-2.0

//! Asks the compiler whether the pure files can panic: in the kernel that would be a BUG().
//!
//! `no_panic/root.rs` is compiled without `std`, optimised, with overflow checks on, and with the
//! kernel's lints as errors. Where the compiler cannot show that an index, an unwrap or an overflow
//! never goes wrong, the object has a call to `core`'s panic code, and its name with it.

use std::{
    env, fs,
    path::{
        Path,
        PathBuf, //
    },
    process::Command,
};

/// Parts of the names of everything in `core` that panics.
const PANICS: &[&str] = &["panic", "unwrap_failed", "expect_failed", "_fail"];

/// The compiler: the one the environment names, or else the one beside cargo.
fn rustc() -> PathBuf {
    if let Some(rustc) = env::var_os("RUSTC") {
        return rustc.into();
    }
    let beside = env::var_os("CARGO").map(|cargo| Path::new(&cargo).with_file_name("rustc"));
    beside
        .filter(|rustc| rustc.exists())
        .unwrap_or_else(|| "rustc".into())
}

#[test]
fn nothing_can_panic() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("no_panic/root.rs");
    let object = env::temp_dir().join(format!("rust_dma_pool_no_panic.{}.o", std::process::id()));
    let status = Command::new(rustc())
        .args([
            "--edition=2021",
            "--crate-type=lib",
            "--emit=obj",
            "-Cpanic=abort",
        ])
        .args([
            "-Copt-level=2",
            "-Ccodegen-units=1",
            "-Cdebuginfo=0",
            "-Coverflow-checks=on",
        ])
        .args([
            "-Dwarnings",
            "-Dmissing_docs",
            "-Dunreachable_pub",
            "-Drust_2018_idioms",
        ])
        .args(["-Dunsafe_op_in_unsafe_fn", "-Dnon_ascii_idents"])
        .arg("-o")
        .arg(&object)
        .arg(root)
        .status()
        .expect("rustc does not start");
    assert!(status.success(), "the kernel's lints complain");

    let content = fs::read(&object).expect("no object");
    fs::remove_file(&object).expect("the object cannot be removed");

    let text = String::from_utf8_lossy(&content);
    let names = text.split(|c: char| !c.is_ascii_alphanumeric() && !"_.$".contains(c));
    let found: Vec<&str> = names
        .filter(|name| PANICS.iter().any(|part| name.contains(part)))
        .collect();
    assert!(text.contains("pure_decide"), "not an object of root.rs");
    assert!(found.is_empty(), "can panic: {found:#?}");
}
