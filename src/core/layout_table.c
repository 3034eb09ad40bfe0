#ifdef ARDUINO_ARCH_ESP32
#include "../../core/layout_table.c"
#endif
