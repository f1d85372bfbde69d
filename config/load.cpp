#include "config/load.hpp"

#include <glob.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "config/parse.hpp"
#include "config/substitute.hpp"
#include "config/validate.hpp"

namespace config {
namespace {

constexpr std::size_t most_included = 8;  // files deep

class Loader {
 public:
  explicit Loader(const std::vector<const FilterSpec*>& filters) : filters_(filters) {}

  Loaded finish(const std::string& file, const NodePtr& root) {
    if (root) read(file, *root);
    std::vector<Mistake> mistakes = mistakes_.sorted();
    if (!mistakes.empty()) return {nullptr, std::move(mistakes)};
    config_->effective += print_yaml(*root);
    return {std::move(config_), {}};
  }

  NodePtr parse(std::shared_ptr<const Source> source) {
    NodePtr root = parse_yaml(std::move(source), mistakes_);
    return root ? substitute(root, mistakes_) : nullptr;
  }

  std::shared_ptr<const Source> open(const std::string& file, const Mark& from) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    if (in) text << in.rdbuf();
    if (in && !std::filesystem::is_directory(file))
      return std::make_shared<const Source>(file, text.str());
    const std::string why = std::filesystem::is_directory(file) ? "it is a directory"
                                                                : std::strerror(errno);
    mistakes_.add(from, "cannot read " + file + ": " + why);
    return nullptr;
  }

 private:
  void read(const std::string& file, const Node& root) {
    config_->file = file;
    const Context context{mistakes_, filters_};
    parse_root(root, context, *config_);
    include(root, {file});
    // References are judged only in a file that could be read as a whole: else every mistake above
    // would be followed by one that comes of it.
    if (root.is_map()) validate(*config_, mistakes_);
  }

  void include(const Node& root, const std::vector<std::string>& from) {
    const Node* patterns = root.find("include");
    if (!patterns) return;
    std::vector<std::string> texts;
    read_texts(*patterns, Context{mistakes_, filters_}, texts);
    for (const std::string& text : texts)
      for (const std::string& file : expand(text, from.back(), patterns->mark))
        include_file(file, patterns->mark, from);
  }

  std::vector<std::string> expand(const std::string& text, const std::string& from,
                                  const Mark& mark) {
    const std::string pattern = (std::filesystem::path(from).parent_path() / text).string();
    if (text.find_first_of("*?[") == text.npos) return {pattern};
    glob_t found{};
    std::vector<std::string> files;
    if (::glob(pattern.c_str(), 0, nullptr, &found) == 0)
      files.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    else if (found.gl_pathc > 0)
      mistakes_.add(mark, "cannot read the folder of " + pattern);
    globfree(&found);
    return files;
  }

  void include_file(const std::string& file, const Mark& mark, std::vector<std::string> from) {
    if (std::find(from.begin(), from.end(), file) != from.end())
      return mistakes_.add(mark, file + " includes itself");
    if (from.size() > most_included) return mistakes_.add(mark, "includes are nested too deep");
    const auto source = open(file, mark);
    const NodePtr root = source ? parse(source) : nullptr;
    if (!root) return;
    parse_included(*root, Context{mistakes_, filters_}, *config_);
    config_->effective += "# " + file + "\n" + print_yaml(*root);
    from.push_back(file);
    include(*root, from);
  }

  const std::vector<const FilterSpec*>& filters_;
  Mistakes mistakes_;
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
  return loader.finish(name,
                       loader.parse(std::make_shared<const Source>(name, text)));
}

}  // namespace config
