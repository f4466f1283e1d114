// SPDX-License-Identifier: GPL-2.0

//! KUnit tests of the allocator of a chunk. What it has to find is what `gen_pool` finds.

use core::ptr::null_mut;

use kernel::{
    bindings,
    page::PAGE_SHIFT,
    prelude::*, //
};

#[kunit_tests(rust_dma_pool_allocator)]
mod tests {
    use super::*;
    use crate::memory::{
        allocator::Allocator,
        bits::WORD,
        free::NotOut,
        hint::GROUP_SHIFT, //
    };

    /// Where the pages would be; nobody touches them.
    const START: usize = 64 << 20;

    fn allocator(pages: usize) -> Result<Allocator> {
        Allocator::new(START, 0, pages)
    }

    /// The place that `gen_pool` itself takes, in the bitmap of `other`.
    fn alloc_of_gen_pool(other: &Allocator, count: usize) -> Option<usize> {
        other.alloc_large(count)
    }

    /// Gives it back to `gen_pool` itself.
    fn free_to_gen_pool(other: &Allocator, page: usize, count: usize) {
        // SAFETY: The pool has this block, which is out.
        unsafe {
            bindings::gen_pool_free_owner(
                other.pool.as_ptr(),
                START + (page << PAGE_SHIFT),
                count << PAGE_SHIFT,
                null_mut(),
            )
        };
    }

    /// Random numbers, of which none is 0: xorshift.
    fn random(state: &mut u64) -> usize {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state as usize
    }

    #[test]
    fn hands_out_every_page_once() -> Result {
        for pages in [1, 3, 48, 64, 65, 100, 1024] {
            let allocator = allocator(pages)?;

            for page in 0..pages {
                let word = page / WORD;

                // Of the words that share a bit of the hint it looks at the first.
                if word >> GROUP_SHIFT << GROUP_SHIFT != word {
                    assert_eq!(allocator.alloc_page(), None);
                    assert_eq!(allocator.alloc(1), Some(page));
                    continue;
                }
                let last = page % 64 == 63 || page == pages - 1;

                assert_eq!(allocator.alloc_page(), Some((page, last)));
                if last {
                    allocator.close_word(page);
                }
            }
            assert_eq!(allocator.alloc_page(), None);
            assert_eq!(allocator.alloc_anywhere(1), None);
            assert_eq!(allocator.free_pages(), 0);
            for page in 0..pages {
                assert_eq!(allocator.free(page, 1), Ok(()));
            }
            assert!(allocator.is_idle());
        }
        Ok(())
    }

    /// Who takes the last page of a word says so a moment later, and others go on meanwhile.
    #[test]
    fn a_word_that_has_room_again_is_not_closed() -> Result {
        let allocator = allocator(128)?;

        for page in 0..64 {
            assert_eq!(allocator.alloc_page(), Some((page, page == 63)));
        }
        assert_eq!(allocator.free(5, 1), Ok(()));
        allocator.close_word(63);
        assert_eq!(allocator.alloc_page(), Some((5, true)));
        allocator.close_word(5);
        assert_eq!(allocator.alloc(1), Some(64));
        for page in 0..65 {
            assert_eq!(allocator.free(page, 1), Ok(()));
        }
        assert!(allocator.is_idle());
        Ok(())
    }

    #[test]
    fn aligns_to_the_order_of_the_size() -> Result {
        let allocator = allocator(16)?;

        assert_eq!(allocator.alloc(1), Some(0));
        assert_eq!(allocator.alloc(3), Some(4));
        assert_eq!(allocator.alloc(1), Some(1));
        assert_eq!(allocator.alloc(8), Some(8));
        assert_eq!(allocator.alloc(2), Some(2));
        assert_eq!(allocator.alloc(2), None);
        assert_eq!(allocator.alloc(1), Some(7));
        for (page, count) in [(0, 1), (4, 3), (1, 1), (8, 8), (2, 2), (7, 1)] {
            assert_eq!(allocator.free(page, count), Ok(()));
        }
        assert!(allocator.is_idle());
        Ok(())
    }

    #[test]
    fn refuses_nothing_and_too_much() -> Result {
        let allocator = allocator(48)?;

        for count in [0, 49, 64, 65, 1 << 20, usize::MAX] {
            assert_eq!(allocator.alloc(count), None);
            assert_eq!(allocator.alloc_anywhere(count), None);
        }
        assert!(allocator.is_idle());
        // All of it in one piece, though it is no power of two.
        assert_eq!(allocator.alloc(43), Some(0));
        assert_eq!(allocator.free(0, 43), Ok(()));
        assert!(Allocator::new(START, 0, 0).is_err());
        Ok(())
    }

    #[test]
    fn a_wrong_free_changes_nothing() -> Result {
        let allocator = allocator(200)?;

        assert_eq!(allocator.alloc(2), Some(0));
        assert_eq!(allocator.alloc(1), Some(2));
        assert_eq!(allocator.alloc(70), Some(128));
        let free_pages = allocator.free_pages();

        for (page, count) in [
            // Never out, beyond the end, no pages, more than there are.
            (4, 1),
            (200, 1),
            (usize::MAX, 1),
            (0, 0),
            (0, 201),
            (0, usize::MAX),
            // Larger than the block, or not where such a block can be.
            (0, 4),
            (0, 64),
            (1, 2),
            (128, 72),
            (64, 70),
            (129, 69),
        ] {
            assert_eq!(allocator.free(page, count), Err(NotOut));
        }
        assert_eq!(allocator.free_pages(), free_pages);
        for (page, count) in [(0, 2), (2, 1), (128, 70)] {
            assert_eq!(allocator.free(page, count), Ok(()));
            assert_eq!(allocator.free(page, count), Err(NotOut));
        }
        assert!(allocator.is_idle());
        Ok(())
    }

    /// The same requests to `gen_pool` alone: the same places, and the same failures.
    #[test]
    fn finds_the_place_that_gen_pool_finds() -> Result {
        let mut state = 0x1234_5678_9abc_def1;

        for pages in [7, 48, 64, 192, 1000, 1024] {
            let (ours, its) = (allocator(pages)?, allocator(pages)?);
            let mut out = KVec::new();

            for _ in 0..4_000 {
                let request = random(&mut state);

                if request % 5 < 2 && !out.is_empty() {
                    let (page, count) = out.remove(request / 5 % out.len())?;

                    assert_eq!(ours.free(page, count), Ok(()));
                    free_to_gen_pool(&its, page, count);
                    continue;
                }
                let count = 1 + (request >> 8) % if request & 128 == 0 { 4 } else { 150 };
                let place = ours.alloc(count);

                assert_eq!(place, alloc_of_gen_pool(&its, count));
                if let Some(page) = place {
                    out.push((page, count), GFP_KERNEL)?;
                }
            }
            for (page, count) in out {
                assert_eq!(ours.free(page, count), Ok(()));
                free_to_gen_pool(&its, page, count);
            }
            assert!(ours.is_idle());
        }
        Ok(())
    }

    #[test]
    fn is_claimed_whole_or_not_at_all() -> Result {
        for pages in [1, 48, 64, 100, 1024] {
            let allocator = allocator(pages)?;
            let (page, _) = allocator.alloc_page().ok_or(ENOMEM)?;

            assert!(!allocator.claim());
            assert_eq!(allocator.free_pages(), pages - 1);
            assert_eq!(allocator.free(page, 1), Ok(()));
            assert!(allocator.claim());
            assert_eq!(allocator.alloc_page(), None);
            assert_eq!(allocator.alloc_anywhere(1), None);
            assert!(!allocator.claim());
            assert_eq!(allocator.free(0, pages), Ok(()));
            assert!(allocator.is_idle());
        }
        Ok(())
    }
}
