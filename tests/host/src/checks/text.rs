// SPDX-License-Identifier: GPL-2.0

//! Options as text: what is accepted, what is printed.

use crate::{
    model,
    policy::options::{
        parse_pool,
        parse_size,
        BadValue, //
    },
};

use super::log_line;

/// The parser agrees with the model, what it accepts prints as something equal, and what it
/// refuses is explained.
pub fn text(text: &[u8], page_size: usize) {
    let size = parse_size(text);
    assert_eq!(size.ok(), model::number(text), "coherent_pool_size");

    let selection = parse_pool(text, page_size);
    assert_eq!(
        selection.ok(),
        model::selection(text, page_size),
        "coherent_pool"
    );

    match selection {
        Ok(selection) => {
            let printed = selection.to_string();
            assert_eq!(
                parse_pool(printed.as_bytes(), page_size),
                Ok(selection),
                "{printed}"
            );
            assert!(
                printed.bytes().all(|byte| byte.is_ascii_graphic()),
                "{printed}"
            );
        }
        Err(_) => bad_value("coherent_pool", text, page_size),
    }
    if size.is_err() {
        bad_value("coherent_pool_size", text, page_size);
    }
}

/// The complaint is one line of the log and quotes the value.
fn bad_value(option: &str, value: &[u8], page_size: usize) {
    let complaint = BadValue {
        option,
        value,
        page_size,
    }
    .to_string();
    let quoted: Vec<u8> = value.iter().copied().take(64).collect();

    log_line(&complaint);
    let start = format!("DMA: {option}=\"{}\"", quoted.escape_ascii());
    let more = if value.len() > 64 { "..." } else { "" };
    let words = complaint
        .strip_prefix(&format!("{start}{more} is not valid, use "))
        .unwrap_or_else(|| panic!("{complaint}"));

    // What it suggests is accepted.
    for word in words
        .split([' ', '(', ')'])
        .filter(|word| word.contains(['0', '2']))
    {
        let word = word.trim_end_matches(',').as_bytes();
        let accepted = if option.ends_with("_size") {
            parse_size(word).is_ok()
        } else {
            parse_pool(word, page_size).is_ok()
        };
        assert!(accepted, "{complaint}");
    }
}
