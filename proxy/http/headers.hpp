// The fields of a message, in order, names in lower case. Copies share their fields until one of
// them changes. The text of each lies as HTTP/1 writes it, so that a writer copies whole lines.
// Nothing here checks characters: parsers do, and the filters' configuration.
// A value; the thread that made it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace http {

// Names that the proxy itself looks at: compared by number.
enum class Name : std::uint8_t {
  other,
  accept,
  authorization,
  b3,
  connection,
  content_length,
  content_type,
  cookie,
  date,
  expect,
  forwarded,
  grpc_message,
  grpc_status,
  grpc_timeout,
  host,
  http2_settings,
  idempotency_key,
  keep_alive,
  location,
  proxy_authenticate,
  proxy_authorization,
  proxy_connection,
  proxy_status,
  range,
  retry_after,
  sec_websocket_key,
  server,
  set_cookie,
  te,
  traceparent,
  tracestate,
  trailer,
  transfer_encoding,
  upgrade,
  via,
  x_forwarded_for,
  x_forwarded_host,
  x_forwarded_proto,
  x_outrider_trace,
  x_real_ip,
  x_request_id,
  x_request_timeout,
};

Name known_name(std::string_view lower_case);  // other = none of these
std::string_view to_string(Name name);

// Some of the known names.
class NameSet {
 public:
  constexpr NameSet() = default;
  constexpr NameSet(std::initializer_list<Name> names) {
    for (const Name name : names) add(name);
  }
  constexpr void add(Name name) { bits_ |= std::uint64_t{1} << static_cast<unsigned>(name); }
  constexpr bool has(Name name) const { return bits_ >> static_cast<unsigned>(name) & 1; }
  constexpr bool has_any(NameSet other) const { return (bits_ & other.bits_) != 0; }

 private:
  std::uint64_t bits_ = 0;
};

class Headers {
  static constexpr std::string_view separator = ": ";
  static constexpr std::string_view line_end = "\r\n";
  struct Entry;

 public:
  struct Field {
    std::string_view name, value;  // valid until the next change
    Name id;
    // "name: value" and CRLF.
    std::string_view line() const {
      return {name.data(), name.size() + value.size() + separator.size() + line_end.size()};
    }
  };

  Headers() = default;
  Headers(const Headers& other);
  Headers(Headers&& other) noexcept : store_(std::exchange(other.store_, nullptr)) {}
  Headers& operator=(Headers other) noexcept {
    std::swap(store_, other.store_);
    return *this;
  }
  ~Headers();

  bool empty() const { return size() == 0; }
  std::size_t size() const { return store_ ? store_->entries.size() : 0; }
  Field operator[](std::size_t index) const {
    return field_of(store_->text.get(), store_->entries[index]);
  }

  // `name` in any case; it is lower-cased here. What is added or set may be a part of these very
  // fields.
  void add(std::string_view name, std::string_view value);
  void add(Name name, std::string_view value);
  // For a parser, which knows the name's number already.
  void add(Name id, std::string_view name, std::string_view value);
  // Replaces all of that name.
  void set(std::string_view name, std::string_view value);
  void set(Name name, std::string_view value);
  // How many there were. `name` in lower case.
  std::size_t remove(std::string_view name);
  std::size_t remove(Name name);
  // Removes each field of which `is_unwanted(field)` says so.
  template <typename Predicate>
  void remove_if(Predicate is_unwanted);
  void clear();
  // Room for what a head of this many bytes will add.
  void reserve(std::size_t text_bytes, std::size_t fields);

  // The first of that name (lower case).
  std::optional<std::string_view> find(std::string_view name) const;
  std::optional<std::string_view> find(Name name) const {
    return may_contain({name}) ? search(name) : std::nullopt;
  }
  bool contains(std::string_view name) const { return find(name).has_value(); }
  bool contains(Name name) const { return find(name).has_value(); }
  // False: none of these is there. Looks at no field.
  bool may_contain(NameSet names) const { return store_ && store_->seen.has_any(names); }
  std::size_t count(Name name) const;

  class Iterator {
   public:
    Iterator(const char* text, const Entry* entry) : text_(text), entry_(entry) {}
    Field operator*() const { return field_of(text_, *entry_); }
    Iterator& operator++() {
      ++entry_;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return entry_ != other.entry_; }

   private:
    const char* text_;
    const Entry* entry_;
  };
  Iterator begin() const {
    return store_ ? Iterator(store_->text.get(), store_->entries.data()) : Iterator(nullptr, nullptr);
  }
  Iterator end() const {
    return store_ ? Iterator(nullptr, store_->entries.data() + store_->entries.size())
                  : Iterator(nullptr, nullptr);
  }

 private:
  struct Entry {
    std::uint32_t name_at;
    std::uint32_t value_at;
    std::uint32_t value_size;
    Name id;
  };
  struct Store {
    std::uint32_t references = 1;
    std::uint32_t used = 0;      // of the text
    std::uint32_t capacity = 0;
    NameSet seen;                // of what is there, and what was
    std::unique_ptr<char[]> text;
    std::unique_ptr<char[]> former;  // the text before it grew: what is written may view it
    std::vector<Entry> entries;

    // Room for so much more text.
    char* extend(std::size_t count) {
      if (capacity - used < count) grow(count);
      return text.get() + used;
    }
    void grow(std::size_t count);
  };
  struct FreeStores;

  static Field field_of(const char* text, const Entry& entry) {
    return {{text + entry.name_at, entry.value_at - separator.size() - entry.name_at},
            {text + entry.value_at, entry.value_size},
            entry.id};
  }

  static Store* take_store();
  static void give_back(Store* store) noexcept;
  Store& own() { return store_ && store_->references == 1 ? *store_ : own_afresh(); }
  Store& own_afresh();
  std::optional<std::string_view> search(Name name) const;
  // Room for a name, which the caller writes there in lower case.
  char* append(Name id, std::size_t name_size, std::string_view value);

  Store* store_ = nullptr;
};

template <typename Predicate>
void Headers::remove_if(Predicate is_unwanted) {
  const std::size_t count = size();
  std::size_t kept = 0;
  while (kept < count && !is_unwanted((*this)[kept])) ++kept;
  if (kept == count) return;
  std::vector<Entry>& entries = own().entries;
  for (std::size_t i = kept + 1; i < count; ++i)
    if (!is_unwanted((*this)[i])) entries[kept++] = entries[i];
  entries.resize(kept);
}

}  // namespace http
