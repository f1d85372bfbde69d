#include "config/load.hpp"

#include "config/parse.hpp"
#include "config/substitute.hpp"
#include "config/validate.hpp"
#include "config/warnings.hpp"

#include <algorithm>
#include <filesystem>
#include <glob.h>
#include <set>

namespace config {
namespace {

constexpr std::size_t most_included = 8;  // files deep

class Loader {
 public:
  explicit Loader(const std::vector<const FilterSpec*>& filters) : filters_(filters) {}

  Loaded finish(const std::string& file, const NodePtr& root) {
    if (root) read(file, *root);
    std::vector<Mistake> mistakes = mistakes_.sorted();
    if (!mistakes.empty()) return {nullptr, std::move(mistakes), nullptr};
    config_->hidden = mistakes_.hidden();
    config_->warnings = warnings_of(*config_);
    for (Mistake& warning : config_->warnings)
      warning.message = config_->hidden.without(warning.mark, std::move(warning.message));
    const NodePtr effective = write_root(map(std::move(written_)), *config_);
    config_->effective = print_yaml(*effective);
    return {std::move(config_), {}, effective};
  }

  NodePtr parse(std::shared_ptr<const Source> source) {
    NodePtr root = parse_yaml(std::move(source), mistakes_);
    return root ? substitute(root, mistakes_) : nullptr;
  }

  std::shared_ptr<const Source> open(const std::string& file, const Mark& from) {
    FileText content = read_file(file, most_bytes);
    if (content.problem.empty())
      return std::make_shared<const Source>(file, std::move(content.text));
    mistakes_.add(from, "cannot read " + (file.empty() ? "\"\"" : file) + ": " + content.problem);
    return nullptr;
  }

 private:
  void read(const std::string& file, const Node& root) {
    config_->file = file;
    const Reading reading{mistakes_, filters_};
    parse_root(root, reading, *config_);
    written_ = root.entries;
    include(root, {file});
    // References are judged only in a file that could be read as a whole: else every mistake above
    // would be followed by one that comes of it.
    if (root.is_map()) validate(*config_, mistakes_);
  }

  // What an included file says, as if it stood in the main one.
  void keep(const Node& included) {
    for (const std::string_view name : {"listeners", "clusters"}) {
      const NodePtr more = included.child(name);
      if (!more || !more->is_map()) continue;
      const auto same = std::find_if(written_.begin(), written_.end(),
                                     [&](const Node::Entry& entry) { return entry.key == name; });
      std::vector<Node::Entry> all;
      if (same != written_.end()) all = same->value->entries;
      all.insert(all.end(), more->entries.begin(), more->entries.end());
      if (same == written_.end())
        written_.push_back({std::string(name), {}, map(std::move(all))});
      else
        same->value = map(std::move(all));
    }
  }

  void include(const Node& root, const std::vector<std::string>& from) {
    const Node* patterns = root.find("include");
    if (!patterns || patterns->is_null()) return;
    for_each_text(*patterns, Reading{mistakes_, filters_},
                  [&](const Node& item, const std::string& text) {
                    if (text.empty()) return mistakes_.add(item.mark, "a path is missing");
                    for (const std::string& file : expand(text, from.back(), item.mark))
                      include_file(file, item.mark, from);
                  });
  }

  std::vector<std::string> expand(const std::string& text, const std::string& from,
                                  const Mark& mark) {
    const std::string pattern = (std::filesystem::path(from).parent_path() / text).string();
    if (text.find_first_of("*?[") == text.npos) return {pattern};
    glob_t found{};
    std::vector<std::string> files;
    const int problem = ::glob(pattern.c_str(), 0, nullptr, &found);
    if (problem == 0) files.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    if (problem != 0 && problem != GLOB_NOMATCH)
      mistakes_.add(mark, "cannot read the folder of " + pattern);
    globfree(&found);
    return files;
  }

  // A file that several patterns name is read once.
  void include_file(const std::string& file, const Mark& mark, std::vector<std::string> from) {
    const auto is_this = [name = canonical(file)](const std::string& other) {
      return canonical(other) == name;
    };
    if (std::any_of(from.begin(), from.end(), is_this))
      return mistakes_.add(mark, file + " includes itself");
    if (from.size() > most_included)
      return mistakes_.add(
          mark, "includes are nested deeper than " + std::to_string(most_included) + " files");
    if (!included_.insert(canonical(file)).second) return;
    const auto source = open(file, mark);
    const NodePtr root = source ? parse(source) : nullptr;
    if (!root) return;
    parse_included(*root, Reading{mistakes_, filters_}, *config_);
    keep(*root);
    from.push_back(file);
    include(*root, from);
  }

  static std::string canonical(const std::string& file) {
    std::error_code ignored;
    const auto path = std::filesystem::weakly_canonical(file, ignored);
    return ignored ? file : path.string();
  }

  const std::vector<const FilterSpec*>& filters_;
  Mistakes mistakes_;
  std::set<std::string> included_;
  std::vector<Node::Entry> written_;
  std::shared_ptr<Config> config_ = std::make_shared<Config>();
};

}  // namespace

Loaded load(const std::string& file, const std::vector<const FilterSpec*>& filters) {
  Loader loader(filters);
  const auto source = loader.open(file, {});
  return loader.finish(file, source ? loader.parse(source) : nullptr);
}

Loaded load_text(const std::string& name, const std::string& text,
                 const std::vector<const FilterSpec*>& filters) {
  Loader loader(filters);
  return loader.finish(name, loader.parse(std::make_shared<const Source>(name, text)));
}

}  // namespace config
