// One table describes one struct of the configuration: a row for each field says its name, what it
// is, its default and its purpose, how it is read and how it would be written. Parsing, unknown
// keys, did-you-mean, the dump of what is in force and the list of defaults come from the table
// alone.
#pragma once

#include "config/hints.hpp"
#include "config/print.hpp"
#include "config/read.hpp"
#include "config/read_map.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace config {

// Of a whole number.
struct Range {
  std::uint64_t least = 0;
  std::uint64_t most = 0;
};

// What a row says to a reader of the language, whatever struct it belongs to.
struct Row {
  std::string_view name;
  std::string_view type;
  std::string_view fallback;
  std::string_view doc;
  bool is_required = false;
  bool is_built = true;
  NodePtr value;                        // of a struct as it is made: what `fallback` has to say
  std::vector<Row> rows;                // within it
  std::vector<std::string_view> words;  // of which the value is one; empty = see `type`
  std::optional<Range> range;
  bool is_off = false;  // a map that has no effect unless it is written
};

template <typename Struct> struct Field {
  std::string_view name;
  std::string_view type;      // as a reader understands it: "a duration", "one word"
  std::string_view fallback;  // the default as it would be written, or in words; "" = absent
  std::string_view doc;
  std::function<void(const Node&, const Reading&, Struct&)> read;
  // The value as it would be written; null = absent. None: only what was written is shown.
  std::function<NodePtr(const Struct&)> write = nullptr;
  // Instead of `write` where rows stand within: what was written (null = nothing), with the
  // defaults.
  std::function<NodePtr(const NodePtr& written, const Struct&)> complete = nullptr;
  std::function<std::vector<Row>()> rows = nullptr;                // that stand within
  std::function<std::vector<std::string_view>()> words = nullptr;  // of which the value is one
  std::optional<Range> range = std::nullopt;
  bool is_required = false;
  bool is_built = true;  // false: known, "not yet in this version"
  bool is_off = false;   // a map that has no effect unless it is written
};

template <typename Struct> using Table = std::vector<Field<Struct>>;

template <typename Struct>
Node corrected(const Node& node, const Reading& reading, const Table<Struct>& table) {
  std::vector<Key> keys;
  for (const Field<Struct>& field : table) keys.push_back({field.name, field.is_built});
  return corrected(node, reading, keys);
}

template <typename Struct>
void read_table(const Node& node, const Reading& reading, const Table<Struct>& table,
                Struct& into) {
  std::vector<KnownField> fields;
  for (const Field<Struct>& field : table)
    fields.push_back({field.name, field.type, field.doc, field.is_required, field.is_built});
  read_map(node, reading, fields,
           [&](std::size_t index, const Node& value, const Reading& heard_by, bool is_trial) {
             if (!is_trial) return table[index].read(value, heard_by, into);
             Struct unused{};
             table[index].read(value, heard_by, unused);
           });
}

inline NodePtr child_of(const NodePtr& node, std::string_view name) {
  return node ? node->child(name) : nullptr;
}

// What is in force: what was written (null = nothing), as it was written, and for the rest what the
// struct holds.
template <typename Struct>
NodePtr write_table(const NodePtr& written, const Table<Struct>& table, const Struct& value) {
  std::vector<Node::Entry> entries;
  for (const Field<Struct>& field : table) {
    NodePtr shown = child_of(written, field.name);
    if (field.complete)
      shown = field.complete(shown, value);
    else if (!shown && field.write)
      shown = field.write(value);
    if (shown) entries.push_back({std::string(field.name), {}, std::move(shown)});
  }
  return map(std::move(entries));
}

template <typename Struct> std::vector<Row> rows_of(const Table<Struct>& table) {
  std::vector<Row> rows;
  const Struct defaults{};
  for (const Field<Struct>& field : table)
    rows.push_back({field.name, field.type, field.fallback, field.doc, field.is_required,
                    field.is_built, field.write ? field.write(defaults) : nullptr,
                    field.rows ? field.rows() : std::vector<Row>(),
                    field.words ? field.words() : std::vector<std::string_view>(), field.range,
                    field.is_off});
  return rows;
}

// Of a map that need not be written: it is there by its defaults only if none of its rows is
// required.
template <typename Struct>
NodePtr write_nested(const NodePtr& written, const Table<Struct>& table, const Struct& value) {
  for (const Field<Struct>& field : table)
    if (field.is_required && !written) return nullptr;
  NodePtr shown = write_table(written, table, value);
  return written || !shown->entries.empty() ? shown : nullptr;
}

// --- rows ---

template <typename Struct>
Field<Struct> duration(std::string_view name, base::Millis Struct::*member,
                       std::string_view fallback, std::string_view doc, Zero zero = Zero::allowed) {
  return {name,
          "a duration",
          fallback,
          doc,
          [=](const Node& node, const Reading& reading, Struct& into) {
            read_duration(node, reading, zero, into.*member);
          },
          [=](const Struct& value) { return scalar(duration_text(value.*member)); }};
}

template <typename Struct>
Field<Struct> size(std::string_view name, std::uint64_t Struct::*member, std::string_view fallback,
                   std::string_view doc, Zero zero = Zero::allowed) {
  return {name,
          "a size",
          fallback,
          doc,
          [=](const Node& node, const Reading& reading, Struct& into) {
            read_size(node, reading, zero, into.*member);
          },
          [=](const Struct& value) { return scalar(size_text(value.*member)); }};
}

template <typename Struct>
Field<Struct> integer(std::string_view name, std::uint64_t Struct::*member, std::uint64_t least,
                      std::uint64_t most, std::string_view fallback, std::string_view doc) {
  Field<Struct> field{name, "a whole number", fallback, doc,
                      [=](const Node& node, const Reading& reading, Struct& into) {
                        read_integer(node, reading, least, most, into.*member);
                      }};
  field.write = [=](const Struct& value) { return scalar(std::to_string(value.*member)); };
  field.range = Range{least, most};
  return field;
}

template <typename Struct>
Field<Struct> percentage(std::string_view name, std::uint32_t Struct::*member,
                         std::string_view fallback, std::string_view doc) {
  return {name,
          "a percentage",
          fallback,
          doc,
          [=](const Node& node, const Reading& reading, Struct& into) {
            read_percentage(node, reading, into.*member);
          },
          [=](const Struct& value) { return scalar(percentage_text(value.*member)); }};
}

template <typename Struct>
Field<Struct> rate(std::string_view name, Rate Struct::*member, std::string_view fallback,
                   std::string_view doc) {
  return {name,
          "a rate",
          fallback,
          doc,
          [=](const Node& node, const Reading& reading, Struct& into) {
            read_rate(node, reading, into.*member);
          },
          [=](const Struct& value) { return scalar(rate_text(value.*member)); }};
}

template <typename Struct>
Field<Struct> boolean(std::string_view name, bool Struct::*member, std::string_view fallback,
                      std::string_view doc) {
  return {name,
          "true or false",
          fallback,
          doc,
          [=](const Node& node, const Reading& reading, Struct& into) {
            read_boolean(node, reading, into.*member);
          },
          [=](const Struct& value) { return scalar(value.*member ? "true" : "false"); }};
}

template <typename Struct>
Field<Struct> text(std::string_view name, std::string Struct::*member, std::string_view fallback,
                   std::string_view doc) {
  return {name,
          "text",
          fallback,
          doc,
          [=](const Node& node, const Reading& reading, Struct& into) {
            read_text(node, reading, into.*member);
          },
          [=](const Struct& value) {
            return (value.*member).empty() ? nullptr : scalar(value.*member);
          }};
}

template <typename Struct>
Field<Struct> texts(std::string_view name, std::vector<std::string> Struct::*member,
                    std::string_view fallback, std::string_view doc) {
  return {name,
          "text or a list of texts",
          fallback,
          doc,
          [=](const Node& node, const Reading& reading, Struct& into) {
            read_texts(node, reading, into.*member);
          },
          [=](const Struct& value) { return list_of(value.*member); }};
}

// A word of an enumeration whose values are 0, 1, 2 ... in the order of `words`.
template <typename Struct, typename Enum>
Field<Struct> word(std::string_view name, Enum Struct::*member, std::vector<std::string_view> words,
                   std::string_view fallback, std::string_view doc) {
  Field<Struct> field{
      name, "one word", fallback, doc, [=](const Node& node, const Reading& reading, Struct& into) {
        read_word(node, reading, words,
                  [&](std::size_t index) { into.*member = static_cast<Enum>(index); });
      }};
  field.write = [=](const Struct& value) {
    return scalar(std::string(words[static_cast<std::size_t>(value.*member)]));
  };
  field.words = [words = std::move(words)] { return words; };
  return field;
}

template <typename Struct, typename Inner>
Field<Struct> nested(std::string_view name, Inner Struct::*member, const Table<Inner>& table,
                     std::string_view doc) {
  Field<Struct> field{name, "a map", "", doc,
                      [=, &table](const Node& node, const Reading& reading, Struct& into) {
                        read_table(node, reading, table, into.*member);
                      }};
  field.complete = [=, &table](const NodePtr& written, const Struct& value) {
    return write_nested(written, table, value.*member);
  };
  field.rows = [&table] { return rows_of(table); };
  return field;
}

// Absent unless it is written.
template <typename Struct, typename Inner>
Field<Struct> nested(std::string_view name, std::optional<Inner> Struct::*member,
                     const Table<Inner>& table, std::string_view doc) {
  Field<Struct> field{name, "a map", "", doc,
                      [=, &table](const Node& node, const Reading& reading, Struct& into) {
                        read_table(node, reading, table, (into.*member).emplace());
                      }};
  field.complete = [=, &table](const NodePtr& written, const Struct& value) {
    return value.*member ? write_table(written, table, *(value.*member)) : nullptr;
  };
  field.rows = [&table] { return rows_of(table); };
  field.is_off = true;
  return field;
}

template <typename Struct> Field<Struct> later(std::string_view name, std::string_view doc) {
  Field<Struct> field{name, "", "", doc, [=](const Node& node, const Reading& reading, Struct&) {
                        not_yet(node, reading, name);
                      }};
  field.is_built = false;
  return field;
}

// A field that this version knows in its default only.
template <typename Struct>
Field<Struct> only(std::string_view name, std::string_view value, std::string_view doc) {
  Field<Struct> field{name, "", value, doc, [=](const Node& node, const Reading& reading, Struct&) {
                        if (!node.is_scalar() || node.text != value) not_yet(node, reading, name);
                      }};
  field.is_built = false;
  return field;
}

template <typename Struct> Field<Struct> required(Field<Struct> field) {
  field.is_required = true;
  return field;
}

}  // namespace config
