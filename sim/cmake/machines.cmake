# Compiles the tables of chips into the library: a header made of machines/*.toml, made again when one changes.
# SPDX-License-Identifier: Apache-2.0
file(GLOB ascsim_tables CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/machines/*.toml)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${ascsim_tables})
set(ascsim_embedded "// The tables of sim/machines/, made by cmake/machines.cmake.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace ascsim {

struct EmbeddedTable {
  const char* name;
  const char* text;
};
constexpr EmbeddedTable kEmbeddedTables[] = {
")
foreach(table ${ascsim_tables})
  get_filename_component(name ${table} NAME_WE)
  file(READ ${table} text)
  string(APPEND ascsim_embedded "    {\"${name}\", R\"toml(${text})toml\"},\n")
endforeach()
string(APPEND ascsim_embedded "};

}  // namespace ascsim
")
# Written when it differs only: nothing is compiled again because of a configure.
file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/embedded/core/embedded_tables.h CONTENT "${ascsim_embedded}")
target_include_directories(ascsim PRIVATE ${PROJECT_BINARY_DIR}/embedded)
