/*
 * Packages in the install engine. An installer that takes packages sets oneslot_install.take_package to this function;
 * one that leaves it NULL links none of it and refuses packages.
 */
#ifndef ONESLOT_INSTALL_PACKAGE_H
#define ONESLOT_INSTALL_PACKAGE_H

#include "oneslot/install.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Checks the package that install->source begins with, whom it is from and whether this device may take it, then makes
/// the source show the image inside. `expected`: SHA-256 that the package's file must have, or NULL. `resumed`: an
/// installation goes on after a cut; that the device may take it was settled when it began.
/// Returns NONE, what oneslot_package_open, _check and _allowed return, IMAGE_SHA256, PACKAGE_INSTALLER, PACKAGE_CODEC
/// or a source error.
oneslot_take_package oneslot_install_package;

#ifdef __cplusplus
}
#endif

#endif
