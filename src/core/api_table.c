#ifdef ARDUINO_ARCH_ESP32
#include "../../core/api_table.c"
#endif
