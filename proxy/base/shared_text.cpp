#include "proxy/base/shared_text.hpp"

#include "proxy/base/pool.hpp"

#include <cstring>
#include <new>

namespace base {

SharedText::Store* SharedText::store_of(std::string_view text) {
  auto* store = new (pool_allocate(sizeof(Store) + text.size()))
      Store{1, static_cast<std::uint32_t>(text.size())};
  std::memcpy(store->text(), text.data(), text.size());
  return store;
}

void SharedText::give_back(Store* store) noexcept {
  pool_release(store, sizeof(Store) + store->size);
}

}  // namespace base
