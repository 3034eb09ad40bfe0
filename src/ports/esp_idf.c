#ifdef ARDUINO_ARCH_ESP32
#include "../../ports/esp_idf.c"
#endif
