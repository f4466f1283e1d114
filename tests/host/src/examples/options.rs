// SPDX-License-Identifier: GPL-2.0

//! What a text after `coherent_pool=` or `coherent_pool_size=` means.

use crate::plan::{
    zones::{
        PerZone,
        ZoneSet, //
    }, //
};
use crate::policy::{
    options::{
        parse_pool,
        parse_size,
        BadValue,
        Bytes,
        Invalid,
        Listed,
        Selection,
        SizeRange, //
    }, //
};

use super::{
    G,
    K,
    M, //
};

/// `coherent_pool=` with pages of 4 KiB: the text, and how what it means is printed.
#[rustfmt::skip]
const VALUES: &[(&str, &str)] = &[
    // No pools: zero, however written.
    ("0",                       "0"),
    ("00",                      "0"),
    ("0x0",                     "0"),
    ("0M",                      "0"),
    // A mask: 1 kernel, 2 dma, 4 dma32.
    ("1",                       "1"),
    ("7",                       "7"),
    ("0x6",                     "6"),
    ("03",                      "3"),
    // A size, of a page or more.
    ("4096",                    "4K"),
    ("4097",                    "4097"),
    ("64K",                     "64K"),
    ("2M",                      "2M"),
    ("2m",                      "2M"),
    ("2048k",                   "2M"),
    ("3M",                      "3M"),
    ("16M",                     "16M"),
    ("0x100000",                "1M"),
    ("0X10k",                   "16K"),
    ("010000",                  "4K"),
    ("1G",                      "1G"),
    ("1T",                      "1T"),
    ("1P",                      "1P"),
    ("15E",                     "15E"),
    ("0x1E000",                 "120K"), // An E among hexadecimal digits is a digit.
    ("18446744073709551615",    "18446744073709551615"),
    // A range, of any sizes that are in order.
    ("1M-8M",                   "1M-8M"),
    ("4096-4096",               "4K-4K"),
    ("64k-0x200000",            "64K-2M"),
    ("4097-18446744073709551615", "4097-18446744073709551615"),
    // A list of pools; it prints in the order kernel, dma, dma32.
    ("dma32",                   "dma32"),
    ("dma32,kernel",            "kernel,dma32"),
    ("kernel:2M,dma:64K",       "kernel:2M,dma:64K"),
    ("dma:0x2000,kernel",       "kernel,dma:8K"),
    ("dma32:1M,dma:1M,kernel:1M", "kernel:1M,dma:1M,dma32:1M"),
    ("dma:4K",                  "dma:4K"),
    ("dma:64K-2M",              "dma:64K-2M"),
    ("dma:64K-2048K,kernel:1M", "kernel:1M,dma:64K-2M"),
    ("kernel:1M-1G,dma:4K-4K,dma32:1M-8M", "kernel:1M-1G,dma:4K-4K,dma32:1M-8M"),
];

/// What `coherent_pool=` does not accept with pages of 4 KiB.
#[rustfmt::skip]
const INVALID: &[&str] = &[
    "", " ", ",", ":", "K", "M",
    // Neither a mask nor a size of a page.
    "8", "9", "256", "1K", "4095", "0xfff",
    // Not numbers.
    "banana", "-1", "+1", "0x", "0xg", "08", "1.5M", "½M", "0b1", "1_000_000",
    // Something after the number, or before it.
    "2Mx", "2MB", "2MiB", "2KK", "2M ", " 2M", "2M\n", "2M,", "64K,dma", "7,", "1,2", "0,dma",
    // More than 64 bits.
    "16E", "18446744073709551616", "0x10000000000000000", "18446744073709551615K",
    "99999999999999999999999999999999999999999999999999",
    // No ranges: a side is missing or too small, out of order, too much, too many.
    "-", "1M-", "-8M", "--", "1M--8M", "8M-1M", "2M-2047K", "8-1M", "0-8M", "1M-0", "1M-4095",
    "1K-1M", "4095-4096", "1M-16E", "16E-17E", "1M-8M-9M", "1M - 8M", "1M-8Mx", "1M-dma", "1M..8M",
    "1M-8M,dma", "1M-8M,2M",
    // A mask is one number.
    "1-7", "0-7", "1-8M", "7-8M",
    // Not zones, or not written as they are.
    "normal", "Kernel", "DMA", "dma64", "dma 32", "dma3", "kernel\0",
    // Lists with something wrong.
    "dma,dma", "dma:64K,dma", "dma,kernel,dma", ",dma", "dma,", "dma,,kernel", "dma kernel",
    "dma:", ":2M", "dma:0", "dma:1", "dma:4095", "dma:x", "dma:2Mx", "dma:2M:2M", "dma=2M",
    "dma:16E", "dma:kernel",
    "dma:1M-", "dma:-1M", "dma:-", "dma:2M-1M", "dma:1-7", "dma:100-1M", "dma:1M-100", "dma:1M-16E",
    "dma:1M-2M-3M", "dma-dma32", "dma:1M-kernel:2M", "kernel:1M,dma:1M-", "dma:1M:2M", "dma-2M",
];

/// `coherent_pool_size=`: any number, the range is not the parser's business.
#[rustfmt::skip]
const SIZES: &[(&str, Option<usize>)] = &[
    ("0",       Some(0)),
    ("1",       Some(1)),
    ("128K",    Some(128 * K)),
    ("0x20000", Some(128 * K)),
    ("4M",      Some(4 * M)),
    ("8m",      Some(8 * M)),
    ("2G",      Some(2 * G)),
    ("",        None),
    ("banana",  None),
    ("dma:1M",  None),
    ("1M,",     None),
    ("1MB",     None),
    ("1M-2M",   None),
    ("-1",      None),
    ("16E",     None),
];

/// A number of bytes as it is printed.
#[rustfmt::skip]
const BYTES: &[(usize, &str)] = &[
    (0,             "0"),
    (1,             "1"),
    (1023,          "1023"),
    (1024,          "1K"),
    (1025,          "1025"),
    (128 * K,       "128K"),
    (1536 * K,      "1536K"),
    (3 * M,         "3M"),
    (G,             "1G"),
    (1 << 63,       "8E"),
    (usize::MAX,    "18446744073709551615"),
];

#[test]
fn values() {
    for (text, printed) in VALUES {
        let selection = parse_pool(text.as_bytes(), 4 * K).map(|value| value.to_string());
        assert_eq!(selection.as_deref(), Ok(*printed), "coherent_pool={text}");
    }
}

#[test]
fn invalid_values() {
    for text in INVALID {
        let selection = parse_pool(text.as_bytes(), 4 * K);
        assert_eq!(selection, Err(Invalid), "coherent_pool={text}");
    }
}

#[test]
fn sizes() {
    for (text, size) in SIZES {
        assert_eq!(
            parse_size(text.as_bytes()).ok(),
            *size,
            "coherent_pool_size={text}"
        );
    }
    for (size, printed) in BYTES {
        assert_eq!(Bytes(*size).to_string(), *printed);
    }
}

fn size(min: usize, max: Option<usize>) -> Selection {
    Selection::Size(SizeRange { min, max })
}

/// The tables compare what is printed; this is what is meant.
#[test]
fn meanings() {
    let parse = |text: &str| parse_pool(text.as_bytes(), 4 * K);

    assert_eq!(parse("0"), Ok(Selection::Disabled));
    assert_eq!(parse("7"), Ok(Selection::Mask(ZoneSet::ALL)));
    assert_eq!(parse("4K"), Ok(size(4096, None)));
    assert_eq!(parse("1M-8M"), Ok(size(M, Some(8 * M))));
    assert_eq!(
        parse("dma32:2M,dma:64K-2M,kernel"),
        Ok(Selection::List(PerZone([
            Some(Listed::Default),
            Some(Listed::Size(SizeRange {
                min: 64 * K,
                max: Some(2 * M),
            })),
            Some(Listed::Size(SizeRange {
                min: 2 * M,
                max: None,
            })),
        ])))
    );
}

/// The smallest size is a page, and pages differ.
#[test]
fn larger_pages() {
    assert_eq!(parse_pool(b"32K", 64 * K), Err(Invalid));
    assert_eq!(parse_pool(b"dma:32K", 64 * K), Err(Invalid));
    assert_eq!(parse_pool(b"32K-64K", 64 * K), Err(Invalid));
    assert_eq!(parse_pool(b"dma:32K-64K", 64 * K), Err(Invalid));
    assert_eq!(parse_pool(b"64K", 64 * K), Ok(size(64 * K, None)));
    assert_eq!(
        parse_pool(b"64K-128K", 64 * K),
        Ok(size(64 * K, Some(128 * K)))
    );
}

#[test]
fn complaints() {
    let complaint = |option, value: &[u8]| {
        BadValue {
            option,
            value,
            page_size: 4 * K,
        }
        .to_string()
    };

    assert_eq!(
        complaint("coherent_pool", b"2Mx"),
        "DMA: coherent_pool=\"2Mx\" is not valid, use 0 (no pools), \
         a mask from 1 to 7 (1 kernel, 2 dma, 4 dma32), \
         a size of 4K or more (like 512K), a range to grow in (like 512K-2M), \
         or a list of pools (like dma32 or kernel:2M,dma:512K-2M)"
    );
    assert_eq!(
        complaint("coherent_pool_size", b"\"\xff\n"),
        r#"DMA: coherent_pool_size="\"\xff\n" is not valid, use a size from 128K to 4M (like 512K)"#
    );
    // A long value is cut, one of just the length that is quoted is not.
    assert_eq!(
        complaint("coherent_pool_size", &[b'9'; 64]),
        format!(
            "DMA: coherent_pool_size=\"{}\" is not valid, use a size from 128K to 4M (like 512K)",
            "9".repeat(64)
        )
    );
    assert_eq!(
        complaint("coherent_pool_size", &[b'9'; 65]),
        format!(
            "DMA: coherent_pool_size=\"{}\"... is not valid, use a size from 128K to 4M (like 512K)",
            "9".repeat(64)
        )
    );
}
