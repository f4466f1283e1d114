// SPDX-License-Identifier: GPL-2.0

//! The grammar of `coherent_pool=` and `coherent_pool_size=`.
//!
//! Turns the text of one option into a value and back, and says what is accepted when it cannot.
//! What a value means on a given machine is decided in [`super`]. A value is parsed as a
//! whole, without looking at an earlier one, so the last occurrence of an option resets all that
//! earlier ones said. Pure: nothing but `core`, callable in any context; the text comes from a
//! command line and may be anything.

use core::fmt;

use crate::plan::zones::{
    PerZone,
    Zone,
    ZoneSet, //
};

/// What a valid `coherent_pool=` asks for.
///
/// [`fmt::Display`] prints a form that [`parse_pool`] reads as an equal value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    /// `0`: no pools.
    Disabled,
    /// `1` to `7`: the pools of these zones (never none), all of one size that is not said here.
    Mask(ZoneSet),
    /// A pool of this size for each zone that has memory.
    Size(SizeRange),
    /// The pools of the zones that are `Some` (at least one is), each with its own size.
    List(PerZone<Option<Listed>>),
}

/// The size of one pool of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listed {
    /// `dma32`: none given, use the default.
    Default,
    /// `dma32:2M`, `dma32:1M-8M`: this size.
    Size(SizeRange),
}

/// How large a pool shall be, in bytes: a page or more, any multiple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SizeRange {
    /// At creation.
    pub(crate) min: usize,
    /// What it may grow to, `min` or more; `None` when only one number was given.
    pub(crate) max: Option<usize>,
}

/// Both options as they were given; `None` where one was absent or not valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// `coherent_pool=`.
    pub(crate) pool: Option<Selection>,
    /// `coherent_pool_size=` in bytes, not yet clamped to its range.
    pub(crate) size: Option<usize>,
}

/// The text is not a value of the option; [`BadValue`] tells the user what is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Invalid;

/// Parses the value of `coherent_pool=` for pages of `page_size` bytes.
///
/// Any context.
///
/// # Errors
///
/// [`Invalid`] when the text is empty, is neither a number nor a list of zone names, names a zone
/// twice, has anything before or after what is expected, does not fit a `usize`, gives a size
/// below `page_size`, or a range whose end is below its start.
pub(crate) fn parse_pool(text: &[u8], page_size: usize) -> Result<Selection, Invalid> {
    if !text.first().is_some_and(u8::is_ascii_digit) {
        return parse_list(text, page_size).map(Selection::List);
    }

    // A range is no number: what begins with a mask is no range.
    if let Ok(number) = parse_size(text) {
        if number == 0 {
            return Ok(Selection::Disabled);
        }
        if let Some(zones) = u8::try_from(number).ok().and_then(ZoneSet::from_mask) {
            return Ok(Selection::Mask(zones));
        }
    }
    parse_range(text, page_size).map(Selection::Size)
}

/// Parses the list form, `kernel:2M,dma`.
fn parse_list(text: &[u8], page_size: usize) -> Result<PerZone<Option<Listed>>, Invalid> {
    let mut list: PerZone<Option<Listed>> = PerZone::default();

    for item in text.split(|byte| *byte == b',') {
        let mut parts = item.splitn(2, |byte| *byte == b':');
        let zone = parse_zone(parts.next().unwrap_or_default())?;
        let size = match parts.next() {
            None => Listed::Default,
            Some(size) => Listed::Size(parse_range(size, page_size)?),
        };
        if list.get_mut(zone).replace(size).is_some() {
            return Err(Invalid);
        }
    }
    Ok(list)
}

/// Finds the zone whose name is exactly `name`.
fn parse_zone(name: &[u8]) -> Result<Zone, Invalid> {
    Zone::ALL
        .into_iter()
        .find(|zone| zone.name().as_bytes() == name)
        .ok_or(Invalid)
}

/// Parses a size or a range of sizes, `2M` or `1M-8M`.
fn parse_range(text: &[u8], page_size: usize) -> Result<SizeRange, Invalid> {
    let mut sides = text.splitn(2, |byte| *byte == b'-');
    let min = at_least(parse_size(sides.next().unwrap_or_default())?, page_size)?;
    let max = match sides.next() {
        None => None,
        Some(max) => Some(at_least(parse_size(max)?, min)?),
    };

    Ok(SizeRange { min, max })
}

/// Lets a size of `least` bytes or more through.
fn at_least(size: usize, least: usize) -> Result<usize, Invalid> {
    if size < least {
        return Err(Invalid);
    }
    Ok(size)
}

/// Parses a number of bytes, all of `text`: the value of `coherent_pool_size=`, or a size within
/// `coherent_pool=`.
///
/// Reads what C's `memparse()` reads: decimal, hexadecimal after `0x`, octal after `0`, then at
/// most one of the suffixes K, M, G, T, P, E of either case. Any value is good, 0 too: ranges are
/// not checked here. Any context.
///
/// # Errors
///
/// [`Invalid`] when `text` does not begin with a digit, goes on after the number, or does not fit
/// a `usize`. (`memparse()` stops without a word in the first two cases and saturates in the last.)
pub(crate) fn parse_size(text: &[u8]) -> Result<usize, Invalid> {
    let (radix, digits) = match text {
        // As in C, `0x` counts only before a hexadecimal digit.
        [b'0', b'x' | b'X', digits @ ..] if digits.first().is_some_and(u8::is_ascii_hexdigit) => {
            (16, digits)
        }
        [b'0', ..] => (8, text),
        [b'1'..=b'9', ..] => (10, text),
        _ => return Err(Invalid),
    };

    let mut number: u64 = 0;
    let mut rest = digits;
    while let [byte, tail @ ..] = rest {
        let Some(digit) = digit(*byte, radix) else {
            break;
        };
        number = number
            .checked_mul(radix)
            .and_then(|number| number.checked_add(digit))
            .ok_or(Invalid)?;
        rest = tail;
    }

    let unit: u64 = match rest {
        [] => 1,
        [b'K' | b'k'] => 1 << 10,
        [b'M' | b'm'] => 1 << 20,
        [b'G' | b'g'] => 1 << 30,
        [b'T' | b't'] => 1 << 40,
        [b'P' | b'p'] => 1 << 50,
        [b'E' | b'e'] => 1 << 60,
        _ => return Err(Invalid),
    };
    let bytes = number.checked_mul(unit).ok_or(Invalid)?;
    usize::try_from(bytes).map_err(|_| Invalid)
}

/// Returns the value of a digit; `None` when `byte` is none in this radix.
fn digit(byte: u8, radix: u64) -> Option<u64> {
    // `char::to_digit()` would do, but panics on a radix above 36, and the compiler keeps that.
    let value = match byte {
        b'0'..=b'9' => byte.wrapping_sub(b'0'),
        b'a'..=b'f' => byte.wrapping_sub(b'a').wrapping_add(10),
        b'A'..=b'F' => byte.wrapping_sub(b'A').wrapping_add(10),
        _ => return None,
    };
    let value = u64::from(value);
    (value < radix).then_some(value)
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Selection::Disabled => f.write_str("0"),
            Selection::Mask(zones) => write!(f, "{}", zones.mask()),
            Selection::Size(size) => write!(f, "{size}"),
            Selection::List(list) => {
                let mut separator = "";
                for (zone, listed) in list.iter() {
                    match listed {
                        None => continue,
                        Some(Listed::Default) => write!(f, "{separator}{}", zone.name())?,
                        Some(Listed::Size(size)) => {
                            write!(f, "{separator}{}:{size}", zone.name())?;
                        }
                    }
                    separator = ",";
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for SizeRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Bytes(self.min))?;
        match self.max {
            None => Ok(()),
            Some(max) => write!(f, "-{}", Bytes(max)),
        }
    }
}

/// A number of bytes that prints as one would type it: `4097`, `64K`, `2M`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes(pub(crate) usize);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut number = self.0;
        let mut unit = "";

        if number != 0 {
            for larger in ["K", "M", "G", "T", "P", "E"] {
                if number % 1024 != 0 {
                    break;
                }
                number /= 1024;
                unit = larger;
            }
        }
        write!(f, "{number}{unit}")
    }
}

/// The complaint about a value that was not accepted.
///
/// [`fmt::Display`] prints one sentence that quotes the value (escaped, and cut where it is long)
/// and lists what the option accepts.
pub(crate) struct BadValue<'a> {
    /// The option's name without `=`, `coherent_pool` or `coherent_pool_size`.
    pub(crate) option: &'a str,
    /// The value as the user gave it.
    pub(crate) value: &'a [u8],
    /// Bytes in a page, the smallest size that `coherent_pool=` accepts.
    pub(crate) page_size: usize,
}

impl BadValue<'_> {
    /// So many bytes of a value are quoted: a line of the log has room for the whole sentence,
    /// even where each byte is printed as `\x00`.
    const QUOTED: usize = 64;
}

impl fmt::Display for BadValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (quoted, more) = match self.value.get(..Self::QUOTED) {
            Some(start) if start.len() < self.value.len() => (start, "..."),
            _ => (self.value, ""),
        };
        write!(
            f,
            "DMA: {}=\"{}\"{more} is not valid, use ",
            self.option,
            quoted.escape_ascii(),
        )?;
        if self.option.ends_with("_size") {
            f.write_str("a size from 128K to 4M (like 512K)")
        } else {
            write!(
                f,
                "0 (no pools), a mask from 1 to 7 (1 kernel, 2 dma, 4 dma32), \
                 a size of {} or more (like 512K), a range to grow in (like 512K-2M), \
                 or a list of pools (like dma32 or kernel:2M,dma:512K-2M)",
                Bytes(self.page_size),
            )
        }
    }
}
