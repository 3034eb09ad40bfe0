#ifdef ARDUINO_ARCH_ESP8266
#include "../../ports/esp8266_arduino.cpp"
#endif
