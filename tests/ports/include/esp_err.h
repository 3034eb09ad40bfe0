/* Stands in for ESP-IDF's: as much of it as ports/ uses. */
#ifndef ESP_ERR_H
#define ESP_ERR_H

typedef int esp_err_t;
#define ESP_OK   0
#define ESP_FAIL (-1)

#endif
