// One table describes one struct of the configuration: a row for each field says its name, what it
// is, its default and its purpose, and how it is read. Parsing, unknown keys and did-you-mean come
// from the table alone.
#pragma once

#include "config/mistakes.hpp"
#include "config/node.hpp"
#include "config/values.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace config {

struct FilterSpec;

// What reading needs besides the node.
struct Context {
  Mistakes& mistakes;
  const std::vector<const FilterSpec*>& filters;

  // What came from a file that is not to be shown is not, whatever a message would say of it.
  void mistake(const Node& node, std::string message) const {
    if (node.is_failed) return;
    if (node.is_secret) message = "what " + node.written + " holds cannot stand here";
    mistakes.add(node.mark, std::move(message));
  }
};

template <typename Struct> struct Field {
  std::string_view name;
  std::string_view type;      // as a reader understands it: "duration", "list of ..."
  std::string_view fallback;  // the default as it would be written; "" = absent
  std::string_view doc;
  std::function<void(const Node&, const Context&, Struct&)> read;
  bool is_required = false;
};

template <typename Struct> using Table = std::vector<Field<Struct>>;

std::string unknown_key(std::string_view key, const std::vector<std::string_view>& known);
std::string wrong_kind(const Node& node, std::string_view expected);

template <typename Struct>
void read_table(const Node& node, const Context& context, const Table<Struct>& table,
                Struct& into) {
  if (!node.is_map()) return context.mistake(node, wrong_kind(node, "a map"));
  std::vector<std::string_view> known;
  for (const Field<Struct>& field : table) known.push_back(field.name);
  for (const Node::Entry& entry : node.entries) {
    const Field<Struct>* found = nullptr;
    for (const Field<Struct>& field : table)
      if (field.name == entry.key) found = &field;
    if (!found)
      context.mistakes.add(entry.mark, unknown_key(entry.key, known));
    else if (entry.value->is_null())
      context.mistakes.add(entry.mark, "\"" + entry.key + "\" has no value: " +
                                           std::string(found->type) + " is expected");
    else
      found->read(*entry.value, context, into);
  }
  for (const Field<Struct>& field : table)
    if (field.is_required && !node.find(field.name))
      context.mistake(node,
                      "\"" + std::string(field.name) + "\" is missing: " + std::string(field.doc));
}

// --- readers of single values, to be put into rows ---

enum class Zero { allowed, refused };

// Null: a mistake was reported. The text is without control characters: it may reach header fields,
// logs and terminals.
const std::string* scalar_of(const Node& node, const Context& context, std::string_view expected);

template <typename T>
bool take(const Node& node, const Context& context, Parsed<T> (*parse)(std::string_view),
          std::string_view expected, T& into) {
  const std::string* text = scalar_of(node, context, expected);
  if (!text) return false;
  Parsed<T> parsed = parse(*text);
  if (!parsed.value) {
    context.mistake(node, parsed.problem);
    return false;
  }
  into = *parsed.value;
  return true;
}

void read_duration(const Node& node, const Context& context, Zero zero, base::Millis& into);
void read_size(const Node& node, const Context& context, Zero zero, std::uint64_t& into);
void read_integer(const Node& node, const Context& context, std::uint64_t least, std::uint64_t most,
                  std::uint64_t& into);
void read_rate(const Node& node, const Context& context, Rate& into);
void read_percentage(const Node& node, const Context& context, std::uint32_t& into);
void read_boolean(const Node& node, const Context& context, bool& into);
void read_text(const Node& node, const Context& context, std::string& into);
// One text or a list of them.
void read_texts(const Node& node, const Context& context, std::vector<std::string>& into);
void for_each_text(const Node& node, const Context& context,
                   const std::function<void(const Node& item, const std::string& text)>& visit);
// The index of the text among `words`.
void read_word(const Node& node, const Context& context, const std::vector<std::string_view>& words,
               const std::function<void(std::size_t)>& chosen);
// Says so at the node: known, but not built.
void not_yet(const Node& node, const Context& context, std::string_view what);

// --- rows ---

template <typename Struct>
Field<Struct> duration(std::string_view name, base::Millis Struct::*member,
                       std::string_view fallback, std::string_view doc, Zero zero = Zero::allowed) {
  return {name, "a duration", fallback, doc,
          [=](const Node& node, const Context& context, Struct& into) {
            read_duration(node, context, zero, into.*member);
          }};
}

template <typename Struct>
Field<Struct> size(std::string_view name, std::uint64_t Struct::*member, std::string_view fallback,
                   std::string_view doc, Zero zero = Zero::allowed) {
  return {name, "a size", fallback, doc,
          [=](const Node& node, const Context& context, Struct& into) {
            read_size(node, context, zero, into.*member);
          }};
}

template <typename Struct>
Field<Struct> integer(std::string_view name, std::uint64_t Struct::*member, std::uint64_t least,
                      std::uint64_t most, std::string_view fallback, std::string_view doc) {
  return {name, "a whole number", fallback, doc,
          [=](const Node& node, const Context& context, Struct& into) {
            read_integer(node, context, least, most, into.*member);
          }};
}

template <typename Struct>
Field<Struct> percentage(std::string_view name, std::uint32_t Struct::*member,
                         std::string_view fallback, std::string_view doc) {
  return {name, "a percentage", fallback, doc,
          [=](const Node& node, const Context& context, Struct& into) {
            read_percentage(node, context, into.*member);
          }};
}

template <typename Struct>
Field<Struct> rate(std::string_view name, Rate Struct::*member, std::string_view fallback,
                   std::string_view doc) {
  return {name, "a rate", fallback, doc,
          [=](const Node& node, const Context& context, Struct& into) {
            read_rate(node, context, into.*member);
          }};
}

template <typename Struct>
Field<Struct> boolean(std::string_view name, bool Struct::*member, std::string_view fallback,
                      std::string_view doc) {
  return {name, "true or false", fallback, doc,
          [=](const Node& node, const Context& context, Struct& into) {
            read_boolean(node, context, into.*member);
          }};
}

template <typename Struct>
Field<Struct> text(std::string_view name, std::string Struct::*member, std::string_view fallback,
                   std::string_view doc) {
  return {name, "text", fallback, doc, [=](const Node& node, const Context& context, Struct& into) {
            read_text(node, context, into.*member);
          }};
}

template <typename Struct>
Field<Struct> texts(std::string_view name, std::vector<std::string> Struct::*member,
                    std::string_view fallback, std::string_view doc) {
  return {name, "text or a list of texts", fallback, doc,
          [=](const Node& node, const Context& context, Struct& into) {
            read_texts(node, context, into.*member);
          }};
}

// A word of an enumeration whose values are 0, 1, 2 ... in the order of `words`.
template <typename Struct, typename Enum>
Field<Struct> word(std::string_view name, Enum Struct::*member, std::vector<std::string_view> words,
                   std::string_view fallback, std::string_view doc) {
  return {name, "one word", fallback, doc,
          [=](const Node& node, const Context& context, Struct& into) {
            read_word(node, context, words,
                      [&](std::size_t index) { into.*member = static_cast<Enum>(index); });
          }};
}

template <typename Struct, typename Inner>
Field<Struct> nested(std::string_view name, Inner Struct::*member, const Table<Inner>& table,
                     std::string_view doc) {
  return {name, "a map", "", doc,
          [=, &table](const Node& node, const Context& context, Struct& into) {
            read_table(node, context, table, into.*member);
          }};
}

template <typename Struct> Field<Struct> later(std::string_view name, std::string_view doc) {
  return {name, "", "", doc,
          [=](const Node& node, const Context& context, Struct&) { not_yet(node, context, name); }};
}

// A field that this version knows in its default only.
template <typename Struct>
Field<Struct> only(std::string_view name, std::string_view value, std::string_view doc) {
  return {name, "", value, doc, [=](const Node& node, const Context& context, Struct&) {
            if (!node.is_scalar() || node.text != value) not_yet(node, context, name);
          }};
}

template <typename Struct> Field<Struct> required(Field<Struct> field) {
  field.is_required = true;
  return field;
}

}  // namespace config
