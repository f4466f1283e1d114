// SPDX-License-Identifier: GPL-2.0

//! A table of who holds what, which the probes of [`holders`](super::holders) fill.
//!
//! - It has a fixed size. It is changed in any context but NMI, without a lock; what it has no room
//!   for is counted as lost.
//! - There are no sums that could go wrong: who reads adds up what the table has. What is out besides
//!   is shown as unknown: it was out before, or was lost.
//! - Of a device its name is kept. The device may go.

use kernel::{
    alloc::flags::__GFP_ZERO,
    bindings,
    io::PhysAddr,
    page::PAGE_SHIFT,
    prelude::*,
    sync::atomic::{
        Atomic,
        Full,
        Relaxed, //
    },
};

use super::text::Text;
use crate::{
    plan::zones::{
        PerZone,
        Zone, //
    },
    pool::figures::{
        Name,
        NAME_LEN, //
    },
    sync::read_once,
};

/// Devices that are told apart.
const DEVICES: usize = (1 << DEVICE_BITS) - 1;

/// Where the search for a block begins is one of so many places.
const PLACES_SHIFT: u32 = 13;

/// A block is in one of so many places, one after the other.
const WINDOW: usize = 64;

/// Parts of an entry, from the lowest bit: pages, zone, number of the device. The rest is the number
/// of the first page.
const PAGES_BITS: u32 = 15;
const ZONE_BITS: u32 = 2;
const DEVICE_BITS: u32 = 7;

const _: () = assert!(bindings::MAX_PAGE_ORDER < PAGES_BITS);

/// What one device holds of one pool, or some of it: a block. 0 is none.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Entry(usize);

impl Entry {
    fn new(first: usize, device: usize, zone: Zone, pages: usize) -> Self {
        let entry = first << DEVICE_BITS | device;

        // CAST: A small number.
        Self((entry << ZONE_BITS | zone as usize) << PAGES_BITS | pages)
    }

    /// The number of the first page.
    fn first(self) -> usize {
        self.0 >> (PAGES_BITS + ZONE_BITS + DEVICE_BITS)
    }

    fn pages(self) -> usize {
        self.0 & ((1 << PAGES_BITS) - 1)
    }

    fn device(self) -> usize {
        self.0 >> (PAGES_BITS + ZONE_BITS) & DEVICES
    }

    /// `None` for no zone.
    fn zone(self) -> Option<Zone> {
        let zones = (1 << ZONE_BITS) - 1;

        Zone::ALL.get(self.0 >> PAGES_BITS & zones).copied()
    }
}

/// Blocks, and the names of the devices that have them.
pub(super) struct Holdings {
    devices: KVVec<Name>,
    /// Each an [`Entry`], near where its first page has it be.
    blocks: KVVec<Atomic<usize>>,
    /// Blocks that were taken, and for which there was no room.
    lost: Atomic<usize>,
}

impl Holdings {
    /// None yet. May sleep; `ENOMEM`.
    pub(super) fn new() -> Result<Self> {
        // SAFETY: All of that may be 0.
        unsafe {
            Ok(Self {
                devices: zeroed(DEVICES)?,
                blocks: zeroed((1 << PLACES_SHIFT) + WINDOW)?,
                lost: Atomic::new(0),
            })
        }
    }

    /// Notes a block that a device of that name has taken. Any context but NMI; takes no lock.
    pub(super) fn note(&self, name: &[u8], zone: Zone, pages: usize, phys: PhysAddr) {
        // CAST: 64-bit machines only.
        let first = phys as usize >> PAGE_SHIFT;
        let entry = Entry::new(first, self.device(name), zone, pages);
        let noted = self
            .places(first)
            .iter()
            .any(|place| read_once(place) == 0 && place.cmpxchg(0, entry.0, Full).is_ok());

        if !noted {
            self.lost.add(1, Relaxed);
        }
    }

    /// Forgets a block, if it was noted. As [`note`](Self::note).
    pub(super) fn forget(&self, phys: PhysAddr) {
        // CAST: As above.
        let first = phys as usize >> PAGE_SHIFT;

        for place in self.places(first) {
            let entry = read_once(place);

            if entry != 0 && Entry(entry).first() == first {
                // Of two who free the same block one is wrong.
                let _ = place.cmpxchg(entry, 0, Full);
                return;
            }
        }
    }

    /// Where a block that begins with this page can be.
    fn places(&self, first: usize) -> &[Atomic<usize>] {
        // That of linux/hash.h
        const GOLDEN_RATIO_64: usize = 0x61C8_8646_80B5_83EB;
        let start = first.wrapping_mul(GOLDEN_RATIO_64) >> (usize::BITS - PLACES_SHIFT);

        self.blocks
            .get(start..start.wrapping_add(WINDOW))
            .unwrap_or_default()
    }

    /// The number of a device of that name, from 1; 0 if there are too many.
    ///
    /// A name that two use for the first time at once may get two.
    fn device(&self, name: &[u8]) -> usize {
        let mut bytes = name.iter().copied();
        let name: [u8; NAME_LEN] = core::array::from_fn(|_| bytes.next().unwrap_or(0));
        let is_it = |device: &Name| !device.is_set() && device.set(&name) || device.get() == name;

        (1..=DEVICES)
            .zip(self.devices.iter())
            .find(|(_, device)| is_it(device))
            .map_or(0, |(number, _)| number)
    }

    /// Blocks and pages that a device has of each pool.
    fn sums(&self, device: usize) -> PerZone<(usize, usize)> {
        let mut sums = PerZone::<(usize, usize)>::default();

        for place in self.blocks.iter() {
            let entry = Entry(read_once(place));

            if let Some(zone) = entry
                .zone()
                .filter(|_| entry.0 != 0 && entry.device() == device)
            {
                let (blocks, pages) = sums.get_mut(zone);

                *blocks = blocks.wrapping_add(1);
                *pages = pages.wrapping_add(entry.pages());
            }
        }
        sums
    }

    /// Writes a line for each device and pool, and one for what is `out` of a pool besides: blocks and
    /// pages. May take a while.
    pub(super) fn show(&self, text: &mut Text, out: PerZone<(usize, usize)>) {
        let mut rest = out;

        text.push(b"pool      blocks       bytes  device\n");
        for (number, name) in (1..=DEVICES).zip(self.devices.iter()) {
            if name.is_set() {
                self.show_device(text, number, &name.get(), &mut rest);
            }
        }
        self.show_device(text, 0, b"(other devices)", &mut rest);
        for (zone, sum) in rest.iter() {
            row(text, zone, *sum, b"(unknown)");
        }
        if read_once(&self.lost) != 0 {
            text.push(b"lost: ");
            text.cell(read_once(&self.lost), 0);
            text.push(b" blocks since this was switched on, for which there was no room\n");
        }
    }

    /// Writes what a device has, and takes that off `rest`.
    fn show_device(
        &self,
        text: &mut Text,
        device: usize,
        name: &[u8],
        rest: &mut PerZone<(usize, usize)>,
    ) {
        for (zone, sum) in self.sums(device).iter() {
            let (blocks, pages) = rest.get_mut(zone);

            row(text, zone, *sum, name);
            // Some may have been taken since it was counted what is out.
            *blocks = blocks.saturating_sub(sum.0);
            *pages = pages.saturating_sub(sum.1);
        }
    }
}

/// Writes a line, unless there are no blocks.
fn row(text: &mut Text, zone: Zone, (blocks, pages): (usize, usize), device: &[u8]) {
    if blocks == 0 {
        return;
    }
    text.name(zone);
    text.cell(blocks, 10);
    text.cell(pages << PAGE_SHIFT, 12);
    text.push(b"  ");
    text.padded(device);
    text.push(b"\n");
}

/// So many objects of zeros. May sleep.
///
/// # Safety
///
/// They may be 0.
unsafe fn zeroed<T>(len: usize) -> Result<KVVec<T>> {
    let mut objects = KVVec::with_capacity(len, GFP_KERNEL | __GFP_ZERO)?;

    // SAFETY: There is room for so many, and each is 0, which it may be.
    unsafe { objects.inc_len(len) };
    Ok(objects)
}

#[cfg(CONFIG_DMA_POOL_RUST_KUNIT_TEST)]
#[kunit_tests(rust_dma_pool_holdings)]
mod tests {
    use super::*;

    /// Notes a block of `pages` pages from this one.
    fn note(table: &Holdings, name: &str, zone: Zone, page: usize, pages: usize) {
        table.note(
            name.as_bytes(),
            zone,
            pages,
            (page << PAGE_SHIFT) as PhysAddr,
        );
    }

    fn forget(table: &Holdings, page: usize) {
        table.forget((page << PAGE_SHIFT) as PhysAddr);
    }

    /// Blocks and pages that a device has of a pool.
    fn sum(table: &Holdings, device: usize, zone: Zone) -> (usize, usize) {
        *table.sums(device).get(zone)
    }

    #[test]
    fn knows_each_device_and_pool_by_itself() -> Result {
        let table = Holdings::new()?;

        note(&table, "one", Zone::Dma, 0, 3);
        note(&table, "two", Zone::Dma, 4, 1);
        note(&table, "one", Zone::Dma, 8, 1024);
        note(&table, "one", Zone::Dma32, 1 << 39, 1);
        assert_eq!(sum(&table, 1, Zone::Dma), (2, 1027));
        assert_eq!(sum(&table, 2, Zone::Dma), (1, 1));
        assert_eq!(sum(&table, 1, Zone::Dma32), (1, 1));
        assert_eq!(sum(&table, 2, Zone::Dma32), (0, 0));
        // What was never noted.
        forget(&table, 1);
        forget(&table, 0);
        forget(&table, 0);
        assert_eq!(sum(&table, 1, Zone::Dma), (1, 1024));
        forget(&table, 1 << 39);
        assert_eq!(sum(&table, 1, Zone::Dma32), (0, 0));
        assert_eq!(read_once(&table.lost), 0);
        Ok(())
    }

    #[test]
    fn has_a_number_left_for_devices_beyond_the_last() -> Result {
        let table = Holdings::new()?;

        for device in 0..DEVICES + 3 {
            let name = [b'a', 1 + device as u8];

            table.note(&name, Zone::Kernel, 1, (device << PAGE_SHIFT) as PhysAddr);
        }
        assert_eq!(sum(&table, DEVICES, Zone::Kernel), (1, 1));
        assert_eq!(sum(&table, 0, Zone::Kernel), (3, 3));
        Ok(())
    }

    #[test]
    fn counts_what_it_has_no_room_for() -> Result {
        let table = Holdings::new()?;
        let places = table.blocks.len();

        // Half of it is no trouble, wherever blocks are.
        for page in 0..places / 2 {
            note(&table, "one", Zone::Dma, page, 1);
        }
        assert_eq!(read_once(&table.lost), 0);
        for page in places / 2..2 * places {
            note(&table, "one", Zone::Dma, page, 1);
        }
        let (noted, _) = sum(&table, 1, Zone::Dma);

        assert_eq!(noted + read_once(&table.lost), 2 * places);
        assert!(noted > places / 2 && noted <= places);
        for page in 0..2 * places {
            forget(&table, page);
        }
        assert_eq!(sum(&table, 1, Zone::Dma), (0, 0));
        Ok(())
    }

    #[test]
    fn shows_what_is_out_besides_as_unknown() -> Result {
        let table = Holdings::new()?;
        let out = PerZone([(5, 7), (1, 1), (0, 0)]);
        let mut text = Text::with_capacity(1024)?;

        note(&table, "one", Zone::Kernel, 0, 4);
        // Taken after what is out was counted
        note(&table, "one", Zone::Dma, 8, 1);
        note(&table, "two", Zone::Dma, 16, 1);
        table.show(&mut text, out);

        let lines = text.bytes().split(|byte| *byte == b'\n').skip(1);
        let expected = [
            ("kernel", 1, 4, "one"),
            ("dma", 1, 1, "one"),
            ("dma", 1, 1, "two"),
            ("kernel", 4, 3, "(unknown)"),
        ];
        let mut count = 0;

        for (line, (zone, blocks, pages, device)) in lines.zip(expected) {
            let mut words = line
                .split(|byte| *byte == b' ')
                .filter(|word| !word.is_empty());
            let mut number = || {
                let word = words.next().unwrap_or_default();

                core::str::from_utf8(word)
                    .ok()
                    .and_then(|word| word.parse().ok())
            };

            assert_eq!(number(), None::<usize>);
            assert_eq!(number(), Some(blocks));
            assert_eq!(number(), Some(pages << PAGE_SHIFT));
            assert!(line.starts_with(zone.as_bytes()) && line.ends_with(device.as_bytes()));
            count += 1;
        }
        assert_eq!(count, 4);
        assert_eq!(text.bytes().split(|byte| *byte == b'\n').count(), 6);
        Ok(())
    }
}
