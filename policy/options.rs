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
    /// A pool of this many bytes (a page or more, any multiple) for each zone that has memory.
    Size(usize),
    /// The pools of the zones that are `Some` (at least one is), each with its own size.
    List(PerZone<Option<Listed>>),
}

/// The size of one pool of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listed {
    /// `dma32`: none given, use the default.
    Default,
    /// `dma32:2M`: this many bytes, a page or more.
    Size(usize),
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
/// twice, has anything before or after what is expected, does not fit a `usize`, or gives a size
/// below `page_size`.
pub(crate) fn parse_pool(text: &[u8], page_size: usize) -> Result<Selection, Invalid> {
    if !text.first().is_some_and(u8::is_ascii_digit) {
        return parse_list(text, page_size).map(Selection::List);
    }

    let number = parse_size(text)?;
    if number == 0 {
        return Ok(Selection::Disabled);
    }
    if let Some(zones) = u8::try_from(number).ok().and_then(ZoneSet::from_mask) {
        return Ok(Selection::Mask(zones));
    }
    at_least(number, page_size).map(Selection::Size)
}

/// Parses the list form, `kernel:2M,dma`.
fn parse_list(text: &[u8], page_size: usize) -> Result<PerZone<Option<Listed>>, Invalid> {
    let mut list: PerZone<Option<Listed>> = PerZone::default();

    for item in text.split(|byte| *byte == b',') {
        let mut parts = item.splitn(2, |byte| *byte == b':');
        let zone = parse_zone(parts.next().unwrap_or_default())?;
        let size = match parts.next() {
            None => Listed::Default,
            Some(size) => Listed::Size(at_least(parse_size(size)?, page_size)?),
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

/// Lets a size of `page_size` bytes or more through.
fn at_least(size: usize, page_size: usize) -> Result<usize, Invalid> {
    if size < page_size {
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
            Selection::Size(size) => write!(f, "{}", Bytes(*size)),
            Selection::List(list) => {
                let mut separator = "";
                for (zone, listed) in list.iter() {
                    match listed {
                        None => continue,
                        Some(Listed::Default) => write!(f, "{separator}{}", zone.name())?,
                        Some(Listed::Size(size)) => {
                            write!(f, "{separator}{}:{}", zone.name(), Bytes(*size))?;
                        }
                    }
                    separator = ",";
                }
                Ok(())
            }
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
                 a size of {} or more (like 512K or 2M), \
                 or a list of pools (like dma32 or kernel:2M,dma:512K)",
                Bytes(self.page_size),
            )
        }
    }
}
