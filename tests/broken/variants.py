"""Deliberately broken variants of the engine: a file of core/, and texts in it that are replaced.

A text that is not found exactly as often as it is to be replaced fails loudly: the variant must follow the engine.
Each names what the campaign may say of it, so that it is caught for its own fault.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Variant:
    name: str
    what: str
    file: str
    edits: tuple
    verdicts: tuple
    more: tuple = ()  # (file, edits) of further files
    story: str = ""  # the one that shows it, where it takes a cut


NO_READ_BACK = ("    return holds ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_FLASH_VERIFY;\n",
                "    return ONESLOT_ERROR_NONE;\n")
NO_VERIFY = ("    return memcmp(digest, record->attempted, sizeof digest) == 0 ? ONESLOT_ERROR_NONE : "
             "ONESLOT_ERROR_FLASH_VERIFY;\n", "    return ONESLOT_ERROR_NONE;\n")
WRITE_BLOCK = "        enum oneslot_error error = write_block(install, first, end);\n"
ERASE_FIRST = "        error = erased ? ONESLOT_ERROR_NONE : oneslot_flash_erase_sector(install->flash, address);\n"

VARIANTS = (
    Variant("first_sector_first", "the image's first sector is written before all others", "install_steps.c", (
        ("    for (uint32_t sector = 0; sector < sector_count(record);) {\n        uint32_t first;\n"
         "        uint32_t end;\n        block_sectors(record, sector, &first, &end);\n" + WRITE_BLOCK,
         "    if (planned(record, 0)) {\n        (void)write_sector(install, 0, false);\n    }\n"
         "    for (uint32_t sector = 0; sector < sector_count(record);) {\n        uint32_t first;\n"
         "        uint32_t end;\n        block_sectors(record, sector, &first, &end);\n" + WRITE_BLOCK),
    ), ("refused",)),
    Variant("trust_what_reads_right", "a sector that reads like the image is left alone, cut or no cut",
            "install_steps.c", (
        ("    for (int attempt = 0; attempt < ONESLOT_FLASH_TRIES; attempt++) {\n" + ERASE_FIRST,
         "    bool right = false;\n    (void)holds_buffer(install, sector, ONESLOT_SECTOR_SIZE, &right);\n"
         "    for (int attempt = 0; !right && attempt < ONESLOT_FLASH_TRIES; attempt++) {\n" + ERASE_FIRST),
    ), ("wrong",)),
    Variant("trust_what_reads_erased", "a sector that reads erased is not erased again", "install_steps.c", (
        (ERASE_FIRST,
         "        uint8_t all_set = 0xffu;\n"
         "        for (uint32_t page = 0; page < ONESLOT_SECTOR_SIZE; page += ONESLOT_PAGE_SIZE) {\n"
         "            (void)oneslot_flash_read(install->flash, address + page, install->compare, ONESLOT_PAGE_SIZE);\n"
         "            for (uint32_t i = 0; i < ONESLOT_PAGE_SIZE; i++) {\n"
         "                all_set &= install->compare[i];\n            }\n        }\n"
         "        erased = erased || all_set == 0xffu;\n" + ERASE_FIRST),
    ), ("wrong", "violation")),
    Variant("erase_before_proof", "the flash is erased before the file is proven", "install.c", (
        ("    *committed = false;\n    take_path(install, attempt->path);\n",
         "    *committed = false;\n    take_path(install, attempt->path);\n"
         "    (void)oneslot_flash_erase_sector(install->flash, 4u * ONESLOT_SECTOR_SIZE);\n"),
    ), ("wrong", "brick")),
    Variant("no_record_of_the_start", "writing begins without a record that says so", "install.c", (
        ("    tell_proven(install, false);\n    return append(install, ONESLOT_STATE_INSTALLING, ONESLOT_ERROR_NONE);\n",
         "    tell_proven(install, false);\n    return ONESLOT_ERROR_NONE;\n"),
    ), ("wrong", "journal")),
    Variant("journal_in_one_sector", "the journal erases the sector that holds its newest record", "journal.c", (
        ("        uint32_t candidate = (first + i) % ONESLOT_SLOTS;\n",
         "        uint32_t candidate = (first + i) % SLOTS_PER_SECTOR;\n"),
        ("            break; // Once round: this sector holds the newest record.\n", ""),
    ), ("wrong", "brick", "journal")),
    Variant("records_share_pages", "a journal record, its seal and the next record lie in one page", "journal.c", (
        ("#define NO_SLOT          0xffffffffu\n",
         "#define NO_SLOT          0xffffffffu\n#undef ONESLOT_CLAIM_OFFSET\n#define ONESLOT_CLAIM_OFFSET 520u\n"
         "#undef ONESLOT_MARKS_OFFSET\n#define ONESLOT_MARKS_OFFSET 528u\n"
         "#undef ONESLOT_MARKS\n#define ONESLOT_MARKS 14u\n#define STRIDE 640u\n"),
        ("    return journal->address + slot * ONESLOT_SLOT_SIZE;\n",
         "    return journal->address + slot / SLOTS_PER_SECTOR * ONESLOT_SECTOR_SIZE + slot % SLOTS_PER_SECTOR * STRIDE;\n"),
        ("ONESLOT_SLOT_SIZE, 0xffffffffu, &erased)", "STRIDE, 0xffffffffu, &erased)"),
    ), ("wrong", "brick", "journal")),
    Variant("no_seal", "a journal record counts without its seal", "journal.c", (
        ("    return reads_all(journal, slot_address(journal, slot) + ONESLOT_SEAL_OFFSET, ONESLOT_SEAL_SIZE, 0, "
         "sealed);\n",
         "    (void)journal;\n    (void)slot;\n    *sealed = true;\n    return ONESLOT_ERROR_NONE;\n"),
    ), ("wrong", "brick", "journal")),
    Variant("no_claim", "a journal slot is used because it reads erased", "journal.c", (
        ("    return program_zeros(journal, address + ONESLOT_CLAIM_OFFSET) &&\n           oneslot_flash_program(",
         "    return oneslot_flash_program("),
    ), ("wrong", "brick", "journal")),
    Variant("no_read_back", "what was written is not read back", "install_steps.c", (NO_READ_BACK, NO_VERIFY),
            ("wrong",)),
    Variant("block_erase_past_the_image", "a block is erased at once although others lie in it", "install_steps.c", (
        ("    return first > 0 && end - first == SECTORS_PER_BLOCK;\n", "    return first > 0 && end > first;\n"),
    ), ("refused", "violation", "lost")),
    Variant("erase_error_ignored", "an erase that fails is taken for done", "flash.c", (
        ("        if (function(flash->context, address) == 0) {\n            return ONESLOT_ERROR_NONE;\n        }\n"
         "    }\n    return ONESLOT_ERROR_FLASH_ERASE;\n",
         "        (void)function(flash->context, address);\n        return ONESLOT_ERROR_NONE;\n"
         "    }\n    return ONESLOT_ERROR_FLASH_ERASE;\n"),
    ), ("violation",)),
    Variant("done_before_verify", "the journal says done before the flash was read back", "install_steps.c", (
        NO_READ_BACK,
        ("    const struct oneslot_record *record = &install->record;\n    br_sha256_context sha256;\n",
         "    struct oneslot_record *record = &install->record;\n"
         "    memcpy(record->installed, record->attempted, sizeof record->installed);\n"
         "    record->installed_size = record->size;\n    record->state = ONESLOT_STATE_DONE;\n"
         "    (void)oneslot_journal_append(&install->journal, record, &install->slot);\n"
         "    br_sha256_context sha256;\n"),
    ), ("wrong",)),
    Variant("mark_before_write", "a block is marked as done before it is written", "install_steps.c", (
        (WRITE_BLOCK,
         "        (void)oneslot_journal_mark(&install->journal, install->slot, block_of(record, sector));\n"
         + WRITE_BLOCK),
    ), ("wrong",)),
    Variant("resume_without_proof", "after a cut the file is not proven again, and the flash is compared with it alone",
            "install.c", (
        ("    error = prove(install, &(struct demand){.image = proven, .known = back});\n",
         "    error = oneslot_source_open(&install->source, install->flash, &install->map, install->path);\n"),
    ), ("wrong",), (("install_steps.c", (NO_VERIFY,)),)),
)

# Faults that the journal's own test must catch: in an upgrade a second safeguard covers for them.
JOURNAL_VARIANTS = (
    Variant("seal_not_made_firm", "the newest seal, which a cut may have left half-way, is not programmed again",
            "journal.c", (
        ("    if (scan.newest != NO_SLOT && !program_zeros(journal, slot_address(journal, scan.newest) + "
         "ONESLOT_SEAL_OFFSET)) {\n", "    if (false) {\n"),
    ), ("failed",)),
    Variant("half_mark_counts", "a mark whose second word is damaged counts", "journal.c", (
        ("        if (have[0] == want[0] && have[1] == want[1]) {\n", "        if (have[0] == want[0]) {\n"),
    ), ("failed",)),
)

# Faults in the handling of packages, which the engine's test with packages must catch.
PACKAGE_VARIANTS = (
    Variant("key_asks_for_nothing", "a plain image passes on a device with a key", "install.c", (
        ("        return install->trust.count > 0 && !install->known ? ONESLOT_ERROR_PACKAGE_NEEDED : ONESLOT_ERROR_NONE;\n",
         "        return ONESLOT_ERROR_NONE;\n"),
    ), ("failed",)),
    Variant("damaged_keys_are_none", "a damaged block of keys is taken for no keys", "install.c", (
        ("        return install->trust_error;\n", "        install->trust.count = 0;\n"),
    ), ("failed",)),
    Variant("floor_rises_with_the_trial", "the floor rises before the new firmware was confirmed", "install.c", (
        ("    if (record->trial_boots == 0) {\n        oneslot_version_raise", "    {\n        oneslot_version_raise"),
    ), ("failed",)),
    Variant("no_floor", "a lower version passes", "install_package.c", (
        ("        .floor = of_application ? &floor : NULL,\n", ""),
    ), ("failed",)),
    Variant("decoder_not_restarted", "a read of what was unpacked already goes on where the decoder is",
            "install_package.c", (
        ("    if (offset < install->unpack.given) {\n", "    if (false) {\n"),
    ), ("failed",)),
    Variant("digest_of_the_image", "the digest that was asked for is not compared with the file's",
            "install_package.c", (
        ("    if (!error && expected != NULL) {\n", "    if (false) {\n"),
    ), ("failed",)),
    Variant("any_fallback_passes", "a fallback that nobody has signed is put back whatever it holds", "install.c", (
        ("{.image = image, .known = true}", "{.known = true}"),
    ), ("failed",)),
    Variant("what_ran_is_forgotten", "the journal of a trial does not say what ran before", "install.c", (
        ("        memcpy(record->previous.image, record->installed, sizeof record->previous.image);\n", ""),
    ), ("failed",)),
    Variant("floor_rises_unsigned", "an unsigned fallback raises the floor to what it says", "install.c", (
        ("    if (install->known && oneslot_version_compare(&said, &floor) > 0) {\n", "    if (false) {\n"),
    ), ("failed",)),
    Variant("cut_asks_for_a_signature", "after a cut a fallback that nobody has signed is refused", "install.c", (
        ("{.image = proven, .known = back}", "{.image = proven, .known = false}"),
    ), ("failed",)),
)

# Faults in saving the firmware that runs, which its own test must catch.
SAVE_VARIANTS = (
    Variant("saved_unproven", "what was read is not compared with what was installed", "save.c", (
        ("    bool same = memcmp(digest, save->oneslot->record.installed, sizeof digest) == 0;\n",
         "    bool same = true;\n"),
    ), ("failed",)),
    Variant("saved_as_the_device_has_it", "the device's flash mode, size and clock go into the file", "save.c", (
        ("    for (uint32_t i = 2; save->target == 0 && i < 4; i++) {\n", "    for (uint32_t i = 4; i < 4; i++) {\n"),
    ), ("failed",)),
    Variant("window_too_full", "what the filter held back goes past the window", "pack.c", (
        ("    const uint32_t full = pack->room - INPUT_FILTER;", "    const uint32_t full = pack->room;"),
    ), ("failed",)),
)

SELF_UPDATE_VARIANTS = (
    Variant("over_the_running_one", "the new installer is written over the one that runs", "self_update.c", (
        ("    if (install->running != layout->installer) {\n        return layout->installer;\n    }\n",
         "    if (install->running != 0) {\n        return layout->installer;\n    }\n"),
    ), ("failed",)),
    Variant("home_before_it_is_there", "the journal names home before the copy is whole", "self_update.c", (
        ("        enum oneslot_error error = append(install, running, running);\n",
         "        enum oneslot_error error = append(install, install->layout.installer, 0);\n"),
    ), ("failed",)),
    Variant("home_is_trusted", "a sector of the copy that reads right after a cut is left alone", "self_update.c", (
        ("        if (error == ONESLOT_ERROR_NONE) {\n"
         "            error = write_sector(install, install->layout.installer + offset);\n        }\n",
         "        bool holds = true;\n"
         "        for (uint32_t at = 0; at < ONESLOT_SECTOR_SIZE; at += ONESLOT_PAGE_SIZE) {\n"
         "            (void)oneslot_flash_read(install->flash, install->layout.installer + offset + at,\n"
         "                                     install->compare, ONESLOT_PAGE_SIZE);\n"
         "            holds = holds && memcmp(install->compare, install->buffer + at, ONESLOT_PAGE_SIZE) == 0;\n"
         "        }\n"
         "        if (error == ONESLOT_ERROR_NONE && !holds) {\n"
         "            error = write_sector(install, install->layout.installer + offset);\n        }\n"),
    ), ("failed",)),
    Variant("entered_for_ever", "that the new installer was entered is not counted", "boot.c", (
        ("oneslot_journal_trial_count(journal, slot) != ONESLOT_ERROR_NONE", "false"),
    ), ("failed",)),
    Variant("any_image_is_an_installer", "an image that is entered elsewhere passes for an installer", "self_update.c", (
        ("install->image.entry != limits.installer_entry", "false"),
    ), ("failed",)),
    Variant("over_the_application", "the borrowed place is not looked at", "self_update.c", (
        ("application_end(install) <= borrowed ? borrowed : 0", "true ? borrowed : 0"),
    ), ("failed",)),
)

# Faults under ESP-IDF's boot loader that the campaign must catch.
TAKE_BACK = ("    install->commit = take_choice_back;\n", "")
ESP32_VARIANTS = (
    Variant("choice_before_the_proof", "otadata chooses the application before the new one is written and proven",
            "handover.c", (
        ("    install->commit = take_choice_back;\n",
         "    (void)oneslot_otadata_write(install->flash, install->layout.otadata, ONESLOT_OTA_UNDEFINED);\n"),
    ), ("wrong", "brick", "journal")),
    Variant("journal_not_settled", "the installer hands back on a seal that a cut may have left half-way",
            "handover.c", (
        ("    if (install->record.magic == ONESLOT_RECORD_MAGIC) {\n", "    if (false) {\n"),
    ), ("journal",)),
    Variant("request_before_the_choice", "the application writes its request and never takes otadata's choice back",
            "api.c", (
        ("    if (oneslot->choice != NULL) {\n        error = oneslot->choice->take_back(oneslot);\n",
         "    if (false) {\n        error = oneslot->choice->take_back(oneslot);\n"),
    ), ("refused",)),
)

# The same, which the tests of the parts must catch.
OTADATA_VARIANTS = (
    Variant("sequence_first", "the entry is programmed in one go, its sequence number first", "otadata.c", (
        ("    return oneslot_flash_program(flash, at + offsetof(struct oneslot_otadata, state), &state, sizeof state) ==\n"
         "               ONESLOT_ERROR_NONE &&\n",
         "    return oneslot_flash_program(flash, at, &sequence, sizeof sequence) == ONESLOT_ERROR_NONE &&\n"
         "           oneslot_flash_program(flash, at + offsetof(struct oneslot_otadata, crc), &crc, sizeof crc) ==\n"
         "               ONESLOT_ERROR_NONE &&\n"
         "           oneslot_flash_program(flash, at + offsetof(struct oneslot_otadata, state), &state, sizeof state) ==\n"
         "               ONESLOT_ERROR_NONE &&\n"),
    ), ("failed",)),
    Variant("erased_is_left_alone", "an entry that reads erased is not erased again", "otadata.c", (
        ("        erased = oneslot_flash_erase_sector(flash, at) == ONESLOT_ERROR_NONE && erased;\n",
         "        if (read_entry(flash, address, sector, &entry) == ONESLOT_ERROR_NONE && entry.sequence == ERASED) {\n"
         "            continue;\n        }\n"
         "        erased = oneslot_flash_erase_sector(flash, at) == ONESLOT_ERROR_NONE && erased;\n"),
    ), ("failed",)),
    Variant("aborted_boots", "an entry that was given up counts as one that is started", "otadata.c", (
        (" && entry->state != ONESLOT_OTA_ABORTED &&\n", " &&\n"),
    ), ("failed",)),
)
HANDOVER_VARIANTS = (
    Variant("never_looks", "the application is taken for whole", "handover.c", (
        ("    return error == ONESLOT_ERROR_NONE || error == ONESLOT_ERROR_IMAGE_UNPROVEN;\n",
         "    return error != ONESLOT_ERROR_FLASH_READ;\n"),
    ), ("failed",)),
    Variant("choice_stays_while_writing", "a damaged application is written over while otadata chooses it", "handover.c", (
        TAKE_BACK,
    ), ("failed",)),
    Variant("boots_not_counted", "boots of a trial are not counted", "handover.c", (
        ("        (void)oneslot_journal_trial_count(&install->journal, install->slot);\n", ""),
    ), ("failed",)),
    Variant("trial_without_a_trial", "a firmware on trial is chosen for good", "handover.c", (
        ("        state = ONESLOT_OTA_NEW;\n", ""),
    ), ("failed",)),
    Variant("vendor_confirmation_unseen", "the installer does not see a confirmation in ESP-IDF's way", "handover.c", (
        ("        error = settle_trial(start);\n", "        error = ONESLOT_ERROR_NONE;\n"),
    ), ("failed",)),
    Variant("confirmation_lost_with_the_request", "a request erases a confirmation that the journal does not know of",
            "api.c", (
        ("    return error == ONESLOT_ERROR_NONE && confirmed ? oneslot_confirm(oneslot) : error;\n",
         "    if (confirmed) {\n        oneslot->record.state = ONESLOT_STATE_DONE;\n    }\n    return error;\n"),
    ), ("failed",)),
)
IMAGE_ESP32_VARIANTS = (
    Variant("digest_not_compared", "the SHA-256 behind the image is not compared", "image_esp32.c", (
        ("    bool proven = reading->hashed && memcmp(reading->digest, reading->appended, DIGEST_SIZE) == 0;\n",
         "    bool proven = reading->hashed;\n"),
    ), ("failed",)),
    Variant("any_chip", "an image for another chip of the family passes", "image_allowed.c", (
        ("    if (image->chip != limits->chip) {\n", "    if (false) {\n"),
    ), ("failed",)),
)

# Faults that the life of a device must show.
STORY_VARIANTS = (
    Variant("floor_before_confirm", "the floor rises when the trial begins", "install.c", (
        ("    if (record->trial_boots == 0) {\n        oneslot_version_raise", "    {\n        oneslot_version_raise"),
    ), ("refused", "floor")),
    Variant("trial_boot_not_counted", "a boot of a trial is not counted", "journal.c", (
        ("    uint32_t address = slot_address(journal, slot) + ONESLOT_MARKS_OFFSET + used * 4u;\n",
         "    uint32_t address = slot_address(journal, slot) + ONESLOT_MARKS_OFFSET + used * 4u;\n"
         "    if (used < ONESLOT_TRIAL_MAX) {\n        return ONESLOT_ERROR_NONE;\n    }\n"),
    ), ("refused",)),
    Variant("confirm_forgets_the_floor", "a confirmation does not raise the floor", "api.c", (
        ("    oneslot_version_raise(oneslot->record.floor, oneslot->record.image_version);\n", ""),
    ), ("refused",)),
    Variant("no_floor_at_all", "a version below the floor passes", "install_package.c", (
        ("        .floor = of_application ? &floor : NULL,\n", ""),
    ), ("refused",)),
    Variant("erased_before_the_version_is_known", "the flash is erased before the package was looked at", "install.c", (
        ("    *committed = false;\n    take_path(install, attempt->path);\n",
         "    *committed = false;\n    take_path(install, attempt->path);\n"
         "    (void)oneslot_flash_erase_sector(install->flash, 4u * ONESLOT_SECTOR_SIZE);\n"),
    ), ("refused", "wrong", "brick")),
    Variant("trial_before_proof", "the journal says trial before the image in flash was read back", "install_steps.c", (
        ("    const struct oneslot_record *record = &install->record;\n    br_sha256_context sha256;\n",
         "    if (install->record.trial_boots > 0) {\n"
         "        struct oneslot_record trial = install->record;\n"
         "        memset(trial.plan, 0, sizeof trial.plan);\n"
         "        memcpy(trial.previous.image, trial.installed, sizeof trial.previous.image);\n"
         "        trial.state = ONESLOT_STATE_TRIAL;\n"
         "        (void)oneslot_journal_append(&install->journal, &trial, &install->slot);\n    }\n"
         "    const struct oneslot_record *record = &install->record;\n    br_sha256_context sha256;\n"),
    ), ("wrong", "journal", "brick"), (), "confirm"),
    Variant("exchanged_after_a_cut", "after a cut a file that nobody has signed goes on", "install.c", (
        ("    error = prove(install, &(struct demand){.image = proven, .known = back});\n",
         "    error = oneslot_source_open(&install->source, install->flash, &install->map, install->path);\n"
         "    if (error == ONESLOT_ERROR_NONE && install->trust.count > 0) {\n"
         "        install->trust.count = 0;\n"
         "        oneslot_source_close(&install->source);\n"
         "        error = prove(install, &(struct demand){.known = true});\n    }\n"),
    ), ("wrong", "brick", "journal"), (("install_steps.c", (NO_VERIFY,)),), "upgrade"),
    Variant("fallback_without_its_journal", "the journal of a trial does not say what ran before", "install.c", (
        ("        memcpy(record->previous.image, record->installed, sizeof record->previous.image);\n", ""),
    ), ("refused",)),
    Variant("cut_asks_for_a_signature", "after a cut a fallback that nobody has signed is refused", "install.c", (
        ("{.image = proven, .known = back}", "{.image = proven, .known = false}"),
    ), ("brick", "wrong", "journal"), (), "fallback"),
    Variant("entered_for_ever", "that the new installer was entered is not counted", "boot.c", (
        ("oneslot_journal_trial_count(journal, slot) != ONESLOT_ERROR_NONE", "false"),
    ), ("refused",)),
    Variant("home_before_it_is_there", "the journal names home before the copy is whole", "self_update.c", (
        ("        enum oneslot_error error = append(install, running, running);\n",
         "        enum oneslot_error error = append(install, install->layout.installer, 0);\n"),
    ), ("brick", "journal", "wrong"), (), "installer"),
)
