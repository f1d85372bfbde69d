#include "proxy/http/headers.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "proxy/base/ascii.hpp"

namespace http {
namespace {

constexpr std::array<std::string_view, 42> known_names = {
    "",
    "accept",
    "authorization",
    "b3",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "grpc-message",
    "grpc-status",
    "grpc-timeout",
    "host",
    "http2-settings",
    "idempotency-key",
    "keep-alive",
    "location",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "proxy-status",
    "range",
    "retry-after",
    "sec-websocket-key",
    "server",
    "set-cookie",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-outrider-trace",
    "x-real-ip",
    "x-request-id",
    "x-request-timeout",
};
static_assert(known_names.size() == static_cast<std::size_t>(Name::x_request_timeout) + 1);
static_assert(known_names.size() <= 64, "a NameSet holds no more");

constexpr std::size_t bucket_count = 256;

// By length and two letters, in such a way that no two known names share a bucket.
constexpr std::size_t bucket_of(std::string_view name) {
  const auto first = static_cast<unsigned char>(name.front());
  const auto last = static_cast<unsigned char>(name.back());
  return (name.size() + first + last * 41U) % bucket_count;
}

struct Buckets {
  std::array<std::uint8_t, bucket_count> names{};  // 0 = none
  bool fits = true;
};

constexpr Buckets buckets = [] {
  Buckets made;
  for (std::size_t i = 1; i < known_names.size(); ++i) {
    std::uint8_t& bucket = made.names[bucket_of(known_names[i])];
    made.fits = made.fits && bucket == 0;
    bucket = static_cast<std::uint8_t>(i);
  }
  return made;
}();
static_assert(buckets.fits, "two known names share a bucket: another factor is needed");

constexpr std::array<char, 256> lower_table = [] {
  std::array<char, 256> table{};
  for (std::size_t i = 0; i < 256; ++i)
    table[i] = base::to_lower(static_cast<char>(static_cast<unsigned char>(i)));
  return table;
}();

constexpr std::size_t usual_fields = 12;  // of a message, with those that a proxy adds
[[maybe_unused]] constexpr std::size_t most_kept_stores = 256;
// Bytes of capacity that an unused store may keep.
[[maybe_unused]] constexpr std::size_t most_kept_text = 4096;

}  // namespace

Name known_name(std::string_view name) {
  if (name.empty()) return Name::other;
  const std::uint8_t index = buckets.names[bucket_of(name)];
  return known_names[index] == name ? static_cast<Name>(index) : Name::other;
}

std::string_view to_string(Name name) { return known_names[static_cast<std::size_t>(name)]; }

struct Headers::FreeStores {
  std::vector<Store*> stores;
  ~FreeStores() {
    for (Store* store : stores) delete store;
  }
  static FreeStores& of_this_thread() {
    thread_local FreeStores kept;
    return kept;
  }
};

Headers::Store* Headers::take_store() {
#ifndef OUTRIDER_SANITIZED
  std::vector<Store*>& kept = FreeStores::of_this_thread().stores;
  if (!kept.empty()) {
    Store* store = kept.back();
    kept.pop_back();
    store->references = 1;
    return store;
  }
#endif
  Store* store = new Store;
  store->entries.reserve(usual_fields);
  return store;
}

void Headers::give_back(Store* store) noexcept {
#ifndef OUTRIDER_SANITIZED
  std::vector<Store*>& kept = FreeStores::of_this_thread().stores;
  if (kept.size() < most_kept_stores && store->capacity <= most_kept_text) {
    store->used = 0;
    store->seen = {};
    if (store->former) store->former.reset();
    store->entries.clear();
    kept.push_back(store);
    return;
  }
#endif
  delete store;
}

Headers::Headers(const Headers& other) : store_(other.store_) {
  if (store_) ++store_->references;
}

Headers::~Headers() {
  if (store_ && --store_->references == 0) give_back(store_);
}

Headers::Store& Headers::own_afresh() {
  Store* made = take_store();
  if (store_) {
    if (store_->used > 0)
      std::memcpy(made->extend(store_->used), store_->text.get(), store_->used);
    made->used = store_->used;
    made->seen = store_->seen;
    made->entries = store_->entries;
    --store_->references;
  }
  store_ = made;
  return *store_;
}

void Headers::Store::grow(std::size_t count) {
  const std::size_t wanted = std::max<std::size_t>({used + count, 2 * std::size_t{capacity}, 256});
  std::unique_ptr<char[]> larger(new char[wanted]);
  if (used > 0) std::memcpy(larger.get(), text.get(), used);
  former = std::exchange(text, std::move(larger));
  capacity = static_cast<std::uint32_t>(wanted);
}

char* Headers::append(Name id, std::size_t name_size, std::string_view value) {
  Store& store = own();
  const std::size_t value_at = store.used + name_size + separator.size();
  char* const begin = store.extend(name_size + separator.size() + value.size() + line_end.size());
  char* at = begin + name_size;
  std::memcpy(at, separator.data(), separator.size());
  at += separator.size();
  if (!value.empty()) std::memcpy(at, value.data(), value.size());
  at += value.size();
  std::memcpy(at, line_end.data(), line_end.size());
  store.entries.push_back({store.used, static_cast<std::uint32_t>(value_at),
                           static_cast<std::uint32_t>(value.size()), id});
  store.used = static_cast<std::uint32_t>(at + line_end.size() - store.text.get());
  store.seen.add(id);
  return begin;
}

void Headers::add(Name id, std::string_view name, std::string_view value) {
  if (id != Name::other) return add(id, value);
  char* lower = append(id, name.size(), value);
  for (const char c : name) *lower++ = lower_table[static_cast<unsigned char>(c)];
}

void Headers::add(std::string_view name, std::string_view value) {
  add(Name::other, name, value);
  Entry& entry = store_->entries.back();
  entry.id = known_name(field_of(store_->text.get(), entry).name);
  store_->seen.add(entry.id);
}

void Headers::add(Name name, std::string_view value) {
  const std::string_view text = to_string(name);
  std::memcpy(append(name, text.size(), value), text.data(), text.size());
}

void Headers::set(std::string_view name, std::string_view value) {
  const std::string lower = base::lower_case(name);
  remove(lower);
  add(lower, value);
}

void Headers::set(Name name, std::string_view value) {
  remove(name);
  add(name, value);
}

std::size_t Headers::remove(std::string_view name) {
  const std::size_t before = size();
  remove_if([name](const Field& field) { return field.name == name; });
  return before - size();
}

std::size_t Headers::remove(Name name) {
  if (!may_contain({name})) return 0;
  const std::size_t before = size();
  remove_if([name](const Field& field) { return field.id == name; });
  return before - size();
}

void Headers::clear() { *this = Headers(); }

void Headers::reserve(std::size_t text_bytes, std::size_t fields) {
  Store& store = own();
  store.extend(text_bytes + fields * (separator.size() + line_end.size()));
  store.entries.reserve(store.entries.size() + fields);
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
  for (const Field field : *this)
    if (field.name == name) return field.value;
  return std::nullopt;
}

std::optional<std::string_view> Headers::search(Name name) const {
  for (const Entry& entry : store_->entries)
    if (entry.id == name) return field_of(store_->text.get(), entry).value;
  return std::nullopt;
}

std::size_t Headers::count(Name name) const {
  if (!store_) return 0;
  return static_cast<std::size_t>(
      std::count_if(store_->entries.begin(), store_->entries.end(),
                    [name](const Entry& entry) { return entry.id == name; }));
}

}  // namespace http
