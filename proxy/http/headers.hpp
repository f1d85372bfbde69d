// The fields of a message, in order, names in lower case. Copies share their fields until one of
// them changes. Nothing here checks characters: parsers do, and the filters' configuration.
// A value; the thread that made it.
#pragma once

#include <cstdint>
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
  connection,
  content_length,
  content_type,
  cookie,
  expect,
  forwarded,
  grpc_message,
  grpc_status,
  grpc_timeout,
  host,
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
  trailer,
  transfer_encoding,
  upgrade,
  via,
  x_forwarded_for,
  x_forwarded_host,
  x_forwarded_proto,
  x_real_ip,
  x_request_id,
  x_request_timeout,
};

Name known_name(std::string_view lower_case);  // other = none of these
std::string_view to_string(Name name);

class Headers {
 public:
  struct Field {
    std::string_view name, value;  // valid until the next change
    Name id;
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
  Field operator[](std::size_t index) const;
  // As RFC 9113 6.5.2 counts them: name, value and 32 for each.
  std::size_t counted_bytes() const;

  // `name` in any case; it is lower-cased here.
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
  std::optional<std::string_view> find(Name name) const;
  bool contains(std::string_view name) const { return find(name).has_value(); }
  bool contains(Name name) const { return find(name).has_value(); }
  std::size_t count(Name name) const;

  class Iterator {
   public:
    Iterator(const Headers& headers, std::size_t index) : headers_(&headers), index_(index) {}
    Field operator*() const { return (*headers_)[index_]; }
    Iterator& operator++() {
      ++index_;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return index_ != other.index_; }

   private:
    const Headers* headers_;
    std::size_t index_;
  };
  Iterator begin() const { return {*this, 0}; }
  Iterator end() const { return {*this, size()}; }

 private:
  struct Entry {
    std::uint32_t name_at;
    std::uint32_t value_at;
    std::uint32_t value_size;
    std::uint16_t name_size;
    Name id;
  };
  struct Store {
    std::uint32_t references = 1;
    std::string text;
    std::vector<Entry> entries;
  };
  struct FreeStores;

  static Store* take_store();
  static void give_back(Store* store) noexcept;
  Store& own();
  // Room for a name, which the caller writes there in lower case.
  char* append(Name id, std::size_t name_size, std::string_view value);

  Store* store_ = nullptr;
};

template <typename Predicate>
void Headers::remove_if(Predicate is_unwanted) {
  bool is_any = false;
  for (const Field field : *this) is_any = is_any || is_unwanted(field);
  if (!is_any) return;
  std::vector<Entry>& entries = own().entries;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < entries.size(); ++i)
    if (!is_unwanted((*this)[i])) entries[kept++] = entries[i];
  entries.resize(kept);
}

}  // namespace http
