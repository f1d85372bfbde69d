# What is installed, and the Debian package of it: `cpack --config build/release/CPackConfig.cmake`.
include(GNUInstallDirs)
set(CMAKE_INSTALL_SYSCONFDIR /etc)

install(TARGETS outrider RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES ${CMAKE_CURRENT_LIST_DIR}/outrider.service ${CMAKE_CURRENT_LIST_DIR}/outrider.socket
  DESTINATION lib/systemd/system)
install(FILES ${CMAKE_CURRENT_LIST_DIR}/outrider.yaml DESTINATION ${CMAKE_INSTALL_SYSCONFDIR}/outrider)
install(FILES ${CMAKE_SOURCE_DIR}/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

install(FILES ${CMAKE_CURRENT_LIST_DIR}/debian/lintian-overrides
  DESTINATION share/lintian/overrides RENAME outrider)

# The pages are what the binary says of itself, so they are made when it is installed.
set(pages ${CMAKE_BINARY_DIR}/pages)
install(CODE "
  file(MAKE_DIRECTORY ${pages})
  execute_process(COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/pages.sh $<TARGET_FILE:outrider> ${pages}
    COMMAND_ERROR_IS_FATAL ANY)")
install(FILES ${pages}/outrider.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${pages}/outrider.yaml.5.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
install(FILES ${pages}/changelog.gz ${pages}/copyright DESTINATION ${CMAKE_INSTALL_DOCDIR})

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME outrider)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_CONTACT "Outrider maintainers <maintainers@outrider.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Layer-7 sidecar proxy")
set(CPACK_PACKAGE_DESCRIPTION
  "An application talks plain HTTP/1.1 to Outrider beside it, which does the
rest: HTTP/2 multiplexing, connection pools, TLS, timeouts, retries, circuit
breaking, through a chain of filters written in YAML.")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "init-system-helpers (>= 1.54~)")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
  ${CMAKE_CURRENT_LIST_DIR}/debian/conffiles ${CMAKE_CURRENT_LIST_DIR}/debian/postinst
  ${CMAKE_CURRENT_LIST_DIR}/debian/prerm ${CMAKE_CURRENT_LIST_DIR}/debian/postrm)
include(CPack)
