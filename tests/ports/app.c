/* An application for ESP-IDF. */
#include "device.h"

void app_main(void);

void run_program(void) {
    app_main();
}
