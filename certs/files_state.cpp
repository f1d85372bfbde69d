#include "certs/files_state.hpp"

#include <sys/stat.h>

namespace certs {

std::string state_of(const std::vector<std::string>& files) {
  std::string state;
  for (const std::string& file : files) {
    struct stat status {};
    if (file.empty() || ::stat(file.c_str(), &status) != 0) {
      state += "-;";
      continue;
    }
    for (const auto number :
         {static_cast<long long>(status.st_mtim.tv_sec),
          static_cast<long long>(status.st_mtim.tv_nsec), static_cast<long long>(status.st_size),
          static_cast<long long>(status.st_ino)})
      state.append(std::to_string(number)).append(",");
    state += ';';
  }
  return state;
}

}  // namespace certs
