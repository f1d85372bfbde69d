# Scripts that break what is around the binary; those that need privileges skip, saying so.
file(GLOB scripts CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.sh)
foreach(script ${scripts})
  get_filename_component(name ${script} NAME_WE)
  add_test(NAME chaos_${name} COMMAND sh ${script})
  set_tests_properties(chaos_${name} PROPERTIES TIMEOUT 120 SKIP_RETURN_CODE 77
    ENVIRONMENT "OUTRIDER=$<TARGET_FILE:outrider>")
endforeach()
