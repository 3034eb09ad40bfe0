/* A sketch that does nothing but what its part in C linkage does. */
extern "C" void app_main(void);

void setup();
void loop();

void setup() {
    app_main();
}

void loop() {
}
