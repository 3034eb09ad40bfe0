/*
 * The ROM's addresses (eagle.rom.addr.v6.ld, in every ESP8266 SDK), in their order. Each is a jump, which changes no
 * register; between them lies what is no instruction.
 */
    .section .stubs, "ax"
    .macro stub address, function
    .org \address - 0x40000000
    j \function
    .endm

    stub 0x40000010, rom_exception          /* vectors: debug, NMI, kernel, user, double, reset */
    stub 0x40000020, rom_exception
    stub 0x40000030, rom_exception
    stub 0x40000050, rom_exception
    stub 0x40000070, rom_exception
    stub 0x40000080, rom_start
    stub 0x40000650, __muldi3
    stub 0x40001878, rom_fatal              /* what the ROM prints of an exception */
    stub 0x400018a4, rom_memset             /* ets_memset */
    stub 0x400018b4, rom_memcpy             /* ets_memcpy */
    stub 0x400018c4, rom_memmove            /* ets_memmove */
    stub 0x400018d4, rom_memcmp             /* ets_memcmp */
    stub 0x400024cc, rom_printf             /* ets_printf */
    stub 0x400025e0, rom_reset_reason       /* rtc_get_reset_reason */
    stub 0x4000264c, rom_software_reset     /* software_reset */
    stub 0x40002a88, rom_strcpy             /* ets_strcpy */
    stub 0x40002a98, rom_strncpy            /* ets_strncpy */
    stub 0x40002aa8, rom_strcmp             /* ets_strcmp */
    stub 0x40002ab8, rom_strncmp            /* ets_strncmp */
    stub 0x40002ac8, rom_strlen             /* ets_strlen */
    stub 0x40002ad8, rom_strstr             /* ets_strstr */
    stub 0x40002ae8, rom_bzero              /* ets_bzero */
    stub 0x40002ecc, rom_delay              /* ets_delay_us */
    stub 0x400030f0, rom_watchdog_off       /* ets_wdt_disable */
    stub 0x40003b30, rom_tx_char            /* uart_tx_one_char */
    stub 0x400043c8, rom_read_status        /* SPI_read_status */
    stub 0x40004400, rom_write_status       /* SPI_write_status */
    stub 0x4000443c, rom_write_enable       /* SPI_write_enable */
    stub 0x4000448c, rom_wait_idle          /* Wait_SPI_Idle */
    stub 0x40004678, rom_cache_on           /* Cache_Read_Enable */
    stub 0x400047f0, rom_cache_off          /* Cache_Read_Disable */
    stub 0x40004878, rom_spi_unlock         /* SPIUnlock */
    stub 0x400048a8, rom_spi_lock           /* SPILock */
    stub 0x400048ec, rom_read_mode          /* SPIReadModeCnfig */
    stub 0x40004984, rom_spi_erase_chip     /* SPIEraseChip */
    stub 0x400049b4, rom_spi_erase_block    /* SPIEraseBlock */
    stub 0x40004a00, rom_spi_erase_sector   /* SPIEraseSector */
    stub 0x40004a4c, rom_spi_write          /* SPIWrite */
    stub 0x40004b1c, rom_spi_read           /* SPIRead */
    stub 0x40004b44, rom_spi_erase_area     /* SPIEraseArea */
    stub 0x40004c2c, rom_spi_param_cfg      /* SPIParamCfg */
    stub 0x40009818, rom_md5_init           /* MD5Init */
    stub 0x40009834, rom_md5_update         /* MD5Update */
    stub 0x40009900, rom_md5_final          /* MD5Final */
    stub 0x4000bdc8, rom_strcmp
    stub 0x4000bec8, rom_strcpy
    stub 0x4000bf4c, rom_strlen
    stub 0x4000bfa8, rom_strncmp
    stub 0x4000c0a0, rom_strncpy
    stub 0x4000ce60, __divdi3
    stub 0x4000d310, __udivdi3
    stub 0x4000d770, __umoddi3
    stub 0x4000dc44, rom_exception          /* _xtos_unhandled_exception */
    stub 0x4000dc88, __divsi3
    stub 0x4000dcf0, __umulsidi3
    stub 0x4000de84, rom_bzero
    stub 0x4000dea8, rom_memcmp
    stub 0x4000df48, rom_memcpy
    stub 0x4000e04c, rom_memmove
    stub 0x4000e190, rom_memset
    stub 0x4000e1e0, rom_strstr
    stub 0x4000e21c, __udivsi3
    stub 0x4000e268, __umodsi3
