#ifdef ARDUINO_ARCH_ESP32
#include "../../core/map.c"
#endif
