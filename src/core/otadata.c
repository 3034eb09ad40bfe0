#ifdef ARDUINO_ARCH_ESP32
#include "../../core/otadata.c"
#endif
