// SPDX-License-Identifier: GPL-2.0

//! Finds the pools' own files, and puts tests where they can see what is private there.
//!
//! The files are compiled where they are. Only the roots of `memory/` and `pool/`, which name the
//! files beside them, are copied, to have one more module each: a directory of `src/`.

use std::{
    env,
    fs,
    path::Path, //
};

fn main() {
    let here = env::var("CARGO_MANIFEST_DIR").expect("cargo says where");
    let out = env::var("OUT_DIR").expect("cargo says where");

    // What of the kernel's configuration there is. The pools are a module.
    for name in [
        "MODULE",
        "CONFIG_DMA_CMA",
        "CONFIG_DMA_DIRECT_REMAP",
        "CONFIG_ZONE_DMA",
        "CONFIG_ZONE_DMA32",
    ] {
        println!("cargo::rustc-cfg={name}");
    }
    for room in ["memory", "pool"] {
        let directory = Path::new(&here).join("../../..").join(room);
        let root = directory.join("mod.rs");
        let text = fs::read_to_string(&root).expect("a room has a root");
        let tests = Path::new(&here).join("src").join(room).join("mod.rs");
        let mut copy = String::new();

        println!("cargo::rerun-if-changed={}", root.display());
        for line in text.lines() {
            let words: Vec<&str> = line.trim_end_matches(';').split_whitespace().collect();

            if let [.., "mod", name] = words[..] {
                let file = directory.join(name).with_extension("rs");

                copy.push_str(&format!("#[path = {:?}]\n", file.display().to_string()));
            }
            // What is included has no comments about itself.
            copy.push_str(line.strip_prefix("//!").map_or(line, |_| "//"));
            copy.push('\n');
        }
        copy.push_str(&format!(
            "#[path = {:?}]\nmod tests;\n",
            tests.display().to_string()
        ));
        fs::write(Path::new(&out).join(room).with_extension("rs"), copy)
            .expect("cargo's directory");
    }
}
