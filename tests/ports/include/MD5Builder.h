/* Stands in for Arduino's on the ESP8266, as in core 2.x. */
#ifndef MD5_BUILDER_H
#define MD5_BUILDER_H

#include <cstdint>

class MD5Builder {
  public:
    void begin();
    void add(uint8_t *data, uint16_t length);
    void calculate();
    void getBytes(uint8_t *output);

  private:
    uint64_t context[16];
    uint8_t digest[16];
};

#endif
