/* Stands in for Arduino's: as much of it as ports/ and the example sketch use. The serial port is stdin and stdout. */
#ifndef ARDUINO_H
#define ARDUINO_H

#include <cstddef>
#include <cstdint>
#include <string>

class String : public std::string {
  public:
    explicit String(const std::string &text) : std::string(text) {
    }
    bool startsWith(const char *prefix) const {
        return rfind(prefix, 0) == 0;
    }
};

class SerialPort {
  public:
    void begin(unsigned long) {
    }
    void println(const char *text);
    int available();
    String readStringUntil(char end);
};

extern SerialPort Serial;

/* As in core 2.x, the stricter one of both. */
class EspClass {
  public:
    uint32_t getFlashChipRealSize();
    bool flashRead(uint32_t address, uint32_t *data, size_t size);
    bool flashWrite(uint32_t address, uint32_t *data, size_t size);
    bool flashEraseSector(uint32_t sector);
    void restart();
};

extern EspClass ESP;

#endif
