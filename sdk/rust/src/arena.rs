//! The guest's allocator: a bump arena for what a call needs, the default allocator for what stays.
//!
//! The host lowers one allocation per string of an alert, and all of them die with the call, so a general allocator spends its care in
//! vain. The arena hands out memory by moving a mark and takes it back by counting: **when the last living allocation is freed, the mark
//! goes back to the start.** Nothing is reset that is alive, so this is safe whatever a plugin keeps; something kept from a call only
//! pins the arena until it is freed, and what does not fit meanwhile comes from the default allocator. Until `configure` has ended the
//! arena is shut and another one is used, so that settings, which stay, never pin it. Both lie in static memory: settings and calls that
//! fit never grow the guest's memory, which is what makes fresh instances cheap.
#![allow(unsafe_code, reason = "a global allocator is unsafe by its signature; each block says why it holds")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, UnsafeCell};

/// How much a call can take from the arena, in bytes. A 1 KB alert of 40 strings takes about 4 KiB.
const ARENA_BYTES: usize = 64 * 1024;

/// How much what stays can take, settings above all, in bytes.
#[cfg(target_arch = "wasm32")]
const LASTING_BYTES: usize = 128 * 1024;

/// Aligned so that offsets and addresses agree on alignment up to 16, more than any type of the contract needs.
#[repr(align(16))]
struct Region<const BYTES: usize>(UnsafeCell<[u8; BYTES]>);

/// See the module. Offsets are from the start of the region.
pub(crate) struct Arena<const BYTES: usize = ARENA_BYTES> {
    region: Region<BYTES>,
    /// Where the next allocation goes.
    mark: Cell<usize>,
    /// How many allocations are alive.
    alive: Cell<usize>,
    is_open: Cell<bool>,
}

/// The arena of calls, and the one of what stays: that of calls is asked first, as nearly all is done there.
struct Heap<const CALLS: usize, const LASTING: usize> {
    calls: Arena<CALLS>,
    lasting: Arena<LASTING>,
}

// SAFETY: a guest of this contract has one thread (wasm32 without atomics), so nothing is shared between threads.
#[cfg(target_arch = "wasm32")]
unsafe impl Sync for Heap<ARENA_BYTES, LASTING_BYTES> {}

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static HEAP: Heap<ARENA_BYTES, LASTING_BYTES> = Heap::new();

/// Opens the arena of calls and shuts the other: from now on allocations are those of calls.
#[cfg(target_arch = "wasm32")]
pub(crate) fn open() {
    HEAP.calls.is_open.set(true);
    HEAP.lasting.is_open.set(false);
}

impl<const CALLS: usize, const LASTING: usize> Heap<CALLS, LASTING> {
    const fn new() -> Self {
        let lasting = Arena { is_open: Cell::new(true), ..Arena::new() };
        Self { calls: Arena::new(), lasting }
    }
}

// SAFETY: every pointer goes back to where it came from, because the regions and the system's memory do not overlap; each of the three
// keeps the promises of an allocator.
unsafe impl<const CALLS: usize, const LASTING: usize> GlobalAlloc for Heap<CALLS, LASTING> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.calls.bump(layout) {
            Some(pointer) => pointer,
            // SAFETY: the caller's promises are passed on, here and below.
            None => unsafe { self.lasting.alloc(layout) },
        }
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        match self.calls.offset(pointer) {
            Some(offset) => self.calls.free(offset, layout.size()),
            // SAFETY: as above.
            None => unsafe { self.lasting.dealloc(pointer, layout) },
        }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let arena_is_its_own = self.calls.offset(pointer).is_some();
        // SAFETY: as above. What is in an arena moves within it, or from it to the system.
        unsafe {
            if arena_is_its_own { self.calls.realloc(pointer, layout, new_size) } else { self.lasting.realloc(pointer, layout, new_size) }
        }
    }
}

impl<const BYTES: usize> Arena<BYTES> {
    const fn new() -> Self {
        Self { region: Region(UnsafeCell::new([0; BYTES])), mark: Cell::new(0), alive: Cell::new(0), is_open: Cell::new(false) }
    }

    fn start(&self) -> *mut u8 {
        self.region.0.get().cast()
    }

    /// The offset of a pointer that came from here.
    fn offset(&self, pointer: *mut u8) -> Option<usize> {
        let offset = pointer.addr().wrapping_sub(self.start().addr());
        (offset < BYTES).then_some(offset)
    }

    /// The place for a new allocation, if the arena is open and has room.
    #[inline]
    fn bump(&self, layout: Layout) -> Option<*mut u8> {
        if !self.is_open.get() || layout.align() > align_of::<Region<BYTES>>() {
            return None;
        }
        let offset = self.mark.get().next_multiple_of(layout.align());
        // `Layout` keeps sizes below isize::MAX and the mark is at most BYTES: the sum cannot wrap.
        let end = offset + layout.size();
        if end > BYTES || layout.size() == 0 {
            return None;
        }
        self.mark.set(end);
        self.alive.set(self.alive.get() + 1);
        // SAFETY: `offset < end <= BYTES`: inside of the region.
        Some(unsafe { self.start().add(offset) })
    }

    #[inline]
    fn free(&self, offset: usize, size: usize) {
        let alive = self.alive.get() - 1;
        self.alive.set(alive);
        if alive == 0 {
            self.mark.set(0);
        } else if offset + size == self.mark.get() {
            self.mark.set(offset);
        }
    }

    /// Grows or shrinks in place: always when it shrinks, and when it grows only at the end of what is handed out.
    fn resize(&self, offset: usize, old: usize, new: usize) -> bool {
        if offset + old == self.mark.get() && offset + new <= BYTES {
            self.mark.set(offset + new);
            return true;
        }
        new <= old
    }
}

// SAFETY: memory handed out lies inside of the region between the mark before and after, so two living allocations never overlap: the
// mark goes back only over the allocation that ends at it, or when none is alive. All else is the system allocator's.
unsafe impl<const BYTES: usize> GlobalAlloc for Arena<BYTES> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.bump(layout) {
            Some(pointer) => pointer,
            // SAFETY: the caller's promises are passed on.
            None => unsafe { System.alloc(layout) },
        }
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        match self.offset(pointer) {
            Some(offset) => self.free(offset, layout.size()),
            // SAFETY: it is not from the arena, so it is from the system allocator.
            None => unsafe { System.dealloc(pointer, layout) },
        }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let Some(offset) = self.offset(pointer) else {
            // SAFETY: as above.
            return unsafe { System.realloc(pointer, layout, new_size) };
        };
        if self.resize(offset, layout.size(), new_size) {
            return pointer;
        }
        // SAFETY: the caller promises that `new_size` is not 0 and does not overflow with this alignment; the two places do not overlap.
        unsafe {
            let new = self.alloc(Layout::from_size_align_unchecked(new_size, layout.align()));
            if !new.is_null() {
                std::ptr::copy_nonoverlapping(pointer, new, layout.size().min(new_size));
                self.free(offset, layout.size());
            }
            new
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    #[test]
    fn it_starts_over_when_nothing_is_alive() {
        let arena = Arena::<64>::new();
        arena.is_open.set(true);
        // SAFETY: each pointer is freed once, with its layout.
        unsafe {
            let a = arena.alloc(layout(3, 1));
            let b = arena.alloc(layout(8, 8));
            assert_eq!(b.addr() % 8, 0);
            arena.dealloc(a, layout(3, 1));
            assert_eq!(arena.mark.get(), 16);
            arena.dealloc(b, layout(8, 8));
        }
        assert_eq!((arena.mark.get(), arena.alive.get()), (0, 0));
    }

    #[test]
    fn shut_full_or_huge_is_the_systems() {
        let arena = Arena::<64>::new();
        // SAFETY: as above.
        unsafe {
            let early = arena.alloc(layout(8, 1));
            assert_eq!(arena.offset(early), None);
            arena.is_open.set(true);
            let full = arena.alloc(layout(64, 1));
            assert_eq!(arena.offset(full), Some(0));
            let more = arena.alloc(layout(1, 1));
            assert_eq!(arena.offset(more), None);
            arena.dealloc(more, layout(1, 1));
            arena.dealloc(full, layout(64, 1));
            arena.dealloc(early, layout(8, 1));
        }
        assert_eq!(arena.alive.get(), 0);
    }

    /// Guards against settings that pin the arena of calls, and against a pointer that goes back to the wrong place.
    #[test]
    fn what_stays_and_what_a_call_needs_lie_apart() {
        let heap = Heap::<64, 64>::new();
        // SAFETY: each pointer is used with its layout until it is freed or moved.
        unsafe {
            let settings = heap.alloc(layout(16, 1));
            assert_eq!((heap.lasting.offset(settings), heap.calls.offset(settings)), (Some(0), None));
            heap.calls.is_open.set(true);
            heap.lasting.is_open.set(false);
            let called = heap.alloc(layout(32, 1));
            assert_eq!((heap.calls.offset(called), heap.lasting.offset(called)), (Some(0), None));
            let overflow = heap.alloc(layout(60, 1));
            assert_eq!((heap.calls.offset(overflow), heap.lasting.offset(overflow)), (None, None));
            overflow.write_bytes(7, 60);
            let moved = heap.realloc(called, layout(32, 1), 65);
            assert_eq!((heap.calls.offset(moved), heap.calls.alive.get()), (None, 0));
            heap.dealloc(moved, layout(65, 1));
            heap.dealloc(overflow, layout(60, 1));
            let again = heap.alloc(layout(8, 1));
            assert_eq!(heap.calls.offset(again), Some(0));
            heap.dealloc(again, layout(8, 1));
            heap.dealloc(settings, layout(16, 1));
        }
        assert_eq!((heap.calls.alive.get(), heap.lasting.alive.get()), (0, 0));
    }

    /// A long random life: every living allocation keeps the bytes that were written into it.
    #[test]
    fn living_allocations_never_overlap() {
        let arena = Arena::<512>::new();
        arena.is_open.set(true);
        let mut seed = 7_u32;
        let mut random = |below: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 16) % below
        };
        let mut alive: Vec<(*mut u8, Layout, u8)> = Vec::new();
        let (mut from_arena, mut starts) = (0, 0);
        for round in 0..20_000_u32 {
            let fill = round as u8;
            // SAFETY: pointers are used with the layout they were made with until they are freed or moved.
            unsafe {
                match random(3) {
                    0 if alive.len() < 20 => {
                        let layout = layout(1 + random(60) as usize, 1 << random(5));
                        let pointer = arena.alloc(layout);
                        from_arena += u32::from(arena.offset(pointer).is_some());
                        assert_eq!(pointer.addr() % layout.align(), 0);
                        pointer.write_bytes(fill, layout.size());
                        alive.push((pointer, layout, fill));
                    }
                    1 if !alive.is_empty() => {
                        let (pointer, old, fill) = alive.swap_remove(random(alive.len() as u32) as usize);
                        let new = layout(1 + random(60) as usize, old.align());
                        let pointer = arena.realloc(pointer, old, new.size());
                        let kept = std::slice::from_raw_parts(pointer, old.size().min(new.size()));
                        assert!(kept.iter().all(|byte| *byte == fill));
                        pointer.write_bytes(fill, new.size());
                        alive.push((pointer, new, fill));
                    }
                    _ if !alive.is_empty() => {
                        let (pointer, layout, fill) = alive.swap_remove(random(alive.len() as u32) as usize);
                        let bytes = std::slice::from_raw_parts(pointer, layout.size());
                        assert!(bytes.iter().all(|byte| *byte == fill));
                        arena.dealloc(pointer, layout);
                        starts += u32::from(arena.mark.get() == 0);
                    }
                    _ => {}
                }
            }
        }
        assert!(from_arena > 1_000 && starts > 100, "{from_arena} {starts}");
        for (pointer, layout, _) in alive {
            // SAFETY: as above.
            unsafe { arena.dealloc(pointer, layout) };
        }
        assert_eq!((arena.mark.get(), arena.alive.get()), (0, 0));
    }
}
