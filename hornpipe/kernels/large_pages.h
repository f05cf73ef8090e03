// Large pages behind large memory.
#pragma once

#include <cstddef>
#include <cstdint>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace {

constexpr size_t LARGE_PAGE = size_t(2) << 20;

// Ask for large pages. Fresh memory otherwise costs a page fault for each 4 kB, which takes longer than many a convolution, and the
// processor looks up where each of its pages lies again and again; memory that was written before is not changed by this. The pages at
// both ends are asked for as well, whatever else lies in them.
inline void advise_large_pages(void* data, size_t bytes) {
#if defined(__linux__)
  const uintptr_t address = reinterpret_cast<uintptr_t>(data);
  const uintptr_t first = address / LARGE_PAGE * LARGE_PAGE, end = (address + bytes + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE;
  if (bytes >= LARGE_PAGE) madvise(reinterpret_cast<void*>(first), end - first, MADV_HUGEPAGE);
#else
  (void)data, (void)bytes;
#endif
}

}  // namespace
