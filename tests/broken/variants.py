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


NO_READ_BACK = ("    return error == ONESLOT_ERROR_NONE && !holds ? ONESLOT_ERROR_FLASH_VERIFY : error;\n",
                "    return error;\n")
NO_VERIFY = ("    return memcmp(digest, held->sha256, sizeof digest) == 0 ? ONESLOT_ERROR_NONE : "
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
         "    bool right = false;\n    (void)holds_buffer(install, address, ONESLOT_SECTOR_SIZE, &right);\n"
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
        ("    enum oneslot_error error = prove_attempt(install, attempt);\n    if (error != ONESLOT_ERROR_NONE) {\n"
         "        return error;\n    }\n    // Nothing begins",
         "    (void)oneslot_flash_erase_sector(install->flash, 4u * ONESLOT_SECTOR_SIZE);\n"
         "    enum oneslot_error error = prove_attempt(install, attempt);\n    if (error != ONESLOT_ERROR_NONE) {\n"
         "        return error;\n    }\n    // Nothing begins"),
    ), ("wrong", "brick")),
    Variant("no_record_of_the_start", "writing begins without a record that says so", "install.c", (
        ("    tell_proven(install, false);\n    return append(install, ONESLOT_STATE_INSTALLING, ONESLOT_ERROR_NONE);\n",
         "    tell_proven(install, false);\n    return ONESLOT_ERROR_NONE;\n"),
    ), ("wrong", "journal")),
    Variant("journal_in_one_sector", "the journal erases the sector that holds its newest record", "journal.c", (
        ("        uint32_t candidate = (first + i) % ONESLOT_SLOTS;\n",
         "        uint32_t candidate = (first + i) % ONESLOT_SLOTS_PER_SECTOR;\n"),
        ("            break; // Once round: this sector holds the newest record.\n", ""),
    ), ("wrong", "brick", "journal")),
    Variant("records_share_pages", "a journal record, its seal and the next record lie in one page", "journal.c", (
        ("#define NO_SLOT 0xffffffffu\n",
         "#define NO_SLOT 0xffffffffu\n#undef ONESLOT_CLAIM_OFFSET\n#define ONESLOT_CLAIM_OFFSET 776u\n"
         "#undef ONESLOT_MARKS_OFFSET\n#define ONESLOT_MARKS_OFFSET 784u\n"
         "#undef ONESLOT_SETTLED_OFFSET\n#define ONESLOT_SETTLED_OFFSET 912u\n"
         "#undef ONESLOT_TRIES_OFFSET\n#define ONESLOT_TRIES_OFFSET 920u\n"
         "#undef ONESLOT_WAITS_OFFSET\n#define ONESLOT_WAITS_OFFSET 948u\n"
         "#undef ONESLOT_CHOICES_OFFSET\n#define ONESLOT_CHOICES_OFFSET 976u\n#define STRIDE 1004u\n"),
        ("    return oneslot_slot_address(journal->address, slot);\n",
         "    return journal->address + slot / 3u * ONESLOT_SECTOR_SIZE + slot % 3u * STRIDE;\n"),
        ("ONESLOT_SLOT_SIZE, ERASED, &erased)", "STRIDE, ERASED, &erased)"),
    ), ("wrong", "brick", "journal")),
    Variant("no_seal", "a journal record counts without its seal", "journal.c", (
        ("    error = mostly_zero(journal, slot_address(journal, slot) + ONESLOT_SEAL_OFFSET, sealed);\n",
         "    *sealed = true;\n"),
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
        ("    br_sha256_context sha256;\n",
         "    br_sha256_context sha256;\n    struct oneslot_record *record = &install->record;\n"
         "    memcpy(record->installed, record->attempted, sizeof record->installed);\n"
         "    record->installed_size = record->size;\n    record->state = ONESLOT_STATE_DONE;\n"
         "    (void)oneslot_journal_append(&install->journal, record, &install->slot);\n"),
    ), ("wrong",)),
    Variant("mark_before_write", "a block is marked as done before it is written", "install_steps.c", (
        (WRITE_BLOCK,
         "        (void)oneslot_journal_mark(&install->journal, install->slot, block_of(record, sector));\n"
         + WRITE_BLOCK),
    ), ("wrong",)),
    Variant("resume_without_proof", "after a cut the file is not proven again, and the flash is compared with it alone",
            "install.c", (
        ("        reason = prove_attempt(install, &attempt);\n",
         "        reason = oneslot_source_open(&install->source, install->flash, &install->map, install->path);\n"),
    ), ("wrong",), (("install_steps.c", (NO_VERIFY,)),)),
)

# Faults that show when files move, the chip wears, reads are disturbed or bits rot.
ALL_THE_SAME = ("    if (holds_attempted(install)) {\n        *reason = finish(install);\n",
                "    if (false) {\n        *reason = finish(install);\n")
LIFE_VARIANTS = (
    Variant("file_gone_waits_for_ever", "the application acts on a record that is not firm, and an installation whose "
            "file is gone does not look at flash", "install.c", (ALL_THE_SAME,),
            ("brick", "journal", "wrong"), (("boot.c", (("    if (!settled) {\n", "    if (false) {\n"),)),)),
    Variant("tried_for_ever", "attempts to write are not counted", "install.c", (
        ("            record->failures++;\n            count_attempt(record);\n", ""),
    ), ("endless",)),
    Variant("one_reading_decides", "what the loader finds fault with once is damaged", "install.c", (
        ("    if (!holds_installed(install, &known)) {\n        return CONDITION_DAMAGED;",
         "    known = false;\n    if (!known) {\n        return CONDITION_DAMAGED;"),
    ), ("wrong", "brick")),
)
LIFE_ESP32_VARIANTS = (
    Variant("choice_written_for_ever", "otadata is written at each reset, however often it was in vain", "handover.c", (
        ("    if (in_vain < ONESLOT_TRIES_MAX) {\n", "    if (true) {\n"),
        ("    return waits < STARTS;\n", "    return true;\n"),
    ), ("endless", "journal")),
)

# Faults that the journal's own test must catch: in an upgrade a second safeguard covers for them.
JOURNAL_VARIANTS = (
    Variant("seal_not_made_firm", "the newest seal, which a cut may have left half-way, is not programmed again",
            "journal.c", (
        ("        !program_zeros(journal, slot_address(journal, scan->newest) + ONESLOT_SEAL_OFFSET)) {\n",
         "        false) {\n"),
    ), ("failed",)),
    Variant("older_ones_stay", "a record that ends something leaves those before it", "journal.c", (
        ("    bool alone = !(anew || is_end(record)) || void_others(journal, slot, newest);\n",
         "    bool alone = !anew || void_others(journal, slot, newest);\n"),
    ), ("failed",)),
    Variant("rot_not_mended", "a record with one wrong bit does not count", "journal.c", (
        ("        if (made == difference) {\n", "        if (false) {\n"),
    ), ("failed",)),
    Variant("rot_left_there", "a wrong bit that was put right in memory stays in flash", "journal.c", (
        ("    if (scan.wrong != NO_BIT || scan.highest != record->sequence) {\n",
         "    if (scan.highest != record->sequence) {\n"),
    ), ("failed",)),
    Variant("seal_to_the_bit", "a seal with one bit that has rotted does not count", "journal.c", (
        ("count_ones(words[0]) + count_ones(words[1]) < 32u;\n", "(words[0] | words[1]) == 0;\n"),
    ), ("failed",)),
    Variant("unsettled_is_acted_upon", "the loader starts the application on a record that may be gone later", "boot.c", (
        ("    if (!settled) {\n", "    if (false) {\n"),
    ), ("failed",)),
    Variant("half_mark_counts", "a mark whose second word is damaged counts", "journal.c", (
        ("(word[index] == make_mark(index))", "((word[index] & 0xffffu) == index)"),
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
        ("    } else {\n        oneslot_version_raise", "    }\n    {\n        oneslot_version_raise"),
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
    Variant("claims_not_looked_at", "a package is installed whatever its firmware writes by itself", "install_package.c", (
        ("    if (!error && install->as_if == NULL && !install->known) {\n", "    if (false) {\n"),
    ), ("failed",)),
    Variant("any_fallback_passes", "a fallback that nobody has signed is put back whatever it holds", "install.c", (
        ("{.image = image, .known = true}", "{.known = true}"),
    ), ("failed",)),
    Variant("what_ran_is_forgotten", "the journal of a trial does not say what ran before", "install.c", (
        ("        memcpy(record->previous.image, record->installed, sizeof record->previous.image);\n", ""),
    ), ("failed",)),
    Variant("floor_rises_unsigned", "an unsigned fallback raises the floor to what it says", "install.c", (
        ("    if (install->packaged && !install->known) {\n", "    if (install->packaged) {\n"),
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
         "            error = oneslot_write_sector(install, install->layout.installer + offset, false);\n        }\n",
         "        bool holds = true;\n"
         "        for (uint32_t at = 0; at < ONESLOT_SECTOR_SIZE; at += ONESLOT_PAGE_SIZE) {\n"
         "            (void)oneslot_flash_read(install->flash, install->layout.installer + offset + at,\n"
         "                                     install->compare, ONESLOT_PAGE_SIZE);\n"
         "            holds = holds && memcmp(install->compare, install->buffer + at, ONESLOT_PAGE_SIZE) == 0;\n"
         "        }\n"
         "        if (error == ONESLOT_ERROR_NONE && !holds) {\n"
         "            error = oneslot_write_sector(install, install->layout.installer + offset, false);\n        }\n"),
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

# Faults in what a device remembers and does by itself, which its own test must catch.
MEMORY_VARIANTS = (
    Variant("lost_record_asks_for_its_file", "without its file an installation does not look at what flash holds",
            "install.c", (
        ("    if (is_whole_all_the_same(install, &reason)) {\n", "    if (false) {\n"),
    ), ("failed",)),
    Variant("watch_takes_what_failed", "the watch installs what has just failed its trial", "install.c", (
        ("    pass_by_watch(install);\n", ""),
        ("                            same_digest(digest, record->rejected)\n", "                            false\n"),
    ), ("failed",)),
    Variant("older_watch_file_counts", "what lies at the watch path when something else is installed is news later",
            "install.c", (
        ("    pass_by_watch(install);\n", ""),
    ), ("failed",)),
    Variant("watch_overwrites_the_deed", "a bad file at the watch path takes the place of the last request's outcome",
            "install.c", (
        ("    install->record.own_outcome = (uint8_t)reason;\n    tell_outcome(install, reason);\n",
         "    return refuse(install, reason);\n"),
    ), ("failed",)),
    Variant("file_forgotten", "the file that holds what runs is not tried", "install.c", (
        ("{record->source, record->path,", "{record->path, record->path,"),
    ), ("failed",)),
    Variant("mended_for_ever", "nothing counts how often an application was mended", "install.c", (
        ("    if (mended || fallback) {\n", "    if (false) {\n"),
    ), ("failed",)),
    Variant("alarm_believed", "a damaged application is written over without a look at its digest", "install.c", (
        ("    if (!holds_installed(install, &known)) {\n", "    if (true) {\n"),
    ), ("failed",)),
    Variant("own_way_back_rejected", "what was its own way back passes for what failed its trial", "install.c", (
        (" && !same_digest(record->installed, install->image.sha256)) {\n        memcpy(record->rejected",
         ") {\n        memcpy(record->rejected"),
    ), ("failed",)),
    Variant("watch_believed_at_once", "the watch acts upon one reading of its file and of the journal", "install.c", (
        (" || look_at_watch(install) != error || !same_digest(digest, install->image.sha256) ||\n"
         "        !is_newest(install)) {", ") {"),
    ), ("failed",)),
    Variant("passed_by_at_once", "what lies at the watch path is passed by on one reading", "install.c", (
        ("        if (look > 0 && same_digest(", "        if (look > 0 || same_digest("),
        ("#define WATCH_LOOKS 3u\n", "#define WATCH_LOOKS 1u\n"),
    ), ("failed",)),
    Variant("no_watch_at_once", "one reading of the configuration tells that nothing is watched", "install.c", (
        ("        if (++look == CONFIG_LOOKS) {\n            memset(&install->config",
         "        if (++look == 1u) {\n            memset(&install->config"),
    ), ("failed",)),
    Variant("layout_forgotten", "a layout that cannot be read a second time is one of zeros", "layout_table.c", (
        ("    struct oneslot_layout found = {0};", "    memset(layout, 0, sizeof *layout);\n    struct oneslot_layout found = {0};"),
    ), ("failed",)),
    Variant("way_back_tried_once", "what one reading refuses is refused", "install.c", (
        ("#define LOOKS 2u\n", "#define LOOKS 1u\n"), ("#define STARTS 3u\n", "#define STARTS 1u\n"),
    ), ("failed",)),
    Variant("begun_without_room", "an installation begins though the journal cannot take its end", "install.c", (
        ("    error = oneslot_install_append(install, true);\n", "    error = ONESLOT_ERROR_NONE;\n"),
    ), ("failed",)),
    Variant("journal_tried_for_ever", "a record that cannot be written is tried at every start", "install.c", (
        ("    if (tries >= ONESLOT_TRIES_MAX) {\n", "    if (false) {\n"),
    ), ("failed",)),
    Variant("proven_and_not_started", "what is proven in flash waits for a record that says so", "install.c", (
        ("    install->proven = true;\n    tell_outcome(install, error);\n", "    tell_outcome(install, error);\n"),
        ("        *reason = refuse(install, *reason);\n        install->proven = true;\n",
         "        *reason = refuse(install, *reason);\n"),
        ("    enum oneslot_error error = append(install, state, outcome);\n",
         "    enum oneslot_error error = append(install, state, outcome);\n"
         "    record->state = error ? ONESLOT_STATE_INSTALLING : record->state;\n"),
    ), ("failed",)),
    Variant("sector_taken_for_the_digest", "one sector that fails has everything written again", "install.c", (
        ("            return stall(install, error, true); // a sector's failure is not the digest's\n",
         "            rewrite += 0;\n"),
    ), ("failed",)),
    Variant("marks_lost", "what was written before a failure is written again", "install.c", (
        ("        (void)oneslot_plan_resume(install, install->slot);\n",
         "        memset(record->plan, 0xff, sizeof record->plan);\n"),
    ), ("failed",)),
    Variant("failures_not_counted", "an image that cannot be written is tried for ever", "install.c", (
        ("            record->failures++;\n            count_attempt(record);\n", ""),
    ), ("failed",)),
    Variant("boots_again_and_again", "otadata is written again for an application that is not started", "handover.c", (
        ("    if (start->boots) {\n        *reason = ONESLOT_ERROR_APPLICATION_REFUSED;\n        return "
         "ONESLOT_NEXT_WAIT;\n    }\n", ""),
    ), ("failed",)),
    Variant("refused_and_left", "for an application that the boot loader does not start no other one is tried",
            "handover.c", (
        ("    return waits < STARTS;\n", "    return true;\n"),
    ), ("failed",)),
    Variant("otadata_tried_for_ever", "otadata that takes no write is erased at every start", "handover.c", (
        ("    if (in_vain < ONESLOT_TRIES_MAX) {\n", "    if (true) {\n"),
    ), ("failed",)),
    Variant("wait_forgotten", "the wait does not survive a reset", "install.c", (
        ("    return ONESLOT_WAIT_SECONDS << waits;\n", "    return ONESLOT_WAIT_SECONDS;\n"),
    ), ("failed",)),
    Variant("unread_is_empty", "a record that is not read a second time passes for none", "handover.c", (
        ("(read && install->slot >= ONESLOT_SLOTS)", "false"),
        ("    if (lacks_last_word(start->install)) {", "    if (false && lacks_last_word(start->install)) {"),
    ), ("failed",)),
)
# The same, of the way back and of versions, which the engine's test with packages must catch.
WAY_BACK_VARIANTS = (
    Variant("way_back_not_looked_at", "a trial begins whose fallback cannot be put back", "install.c", (
        ("        error = prove_way_back(install, &attempt);\n", ""),
    ), ("failed",)),
    Variant("version_forgotten", "a plain fallback that is put back has no version", "install.c", (
        ("        memcpy(record->image_version, record->previous.version, sizeof record->image_version);\n", ""),
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
    Variant("journal_stops_the_start", "a record that the journal does not take counts against otadata", "handover.c", (
        ("ONESLOT_COUNTER_CHOICES, &in_vain);", "ONESLOT_COUNTER_TRIES, &in_vain);"),
    ), ("failed",)),
    Variant("trial_nobody_knows_of", "what the journal takes no record of is started on trial", "handover.c", (
        (" && !start->unwritten;", ";"),
    ), ("failed",)),
    Variant("journal_not_settled", "the installer hands back on a seal that a cut may have left half-way",
            "handover.c", (
        ("        (void)oneslot_journal_settle(&install->journal, &install->record, &install->slot);\n", ""),
    ), ("failed",)),
    Variant("never_looks", "the application is taken for whole", "handover.c", (
        ("    return error == ONESLOT_ERROR_NONE || error == ONESLOT_ERROR_IMAGE_UNPROVEN;\n",
         "    return error != ONESLOT_ERROR_FLASH_READ;\n"),
    ), ("failed",)),
    Variant("choice_stays_while_writing", "a damaged application is written over while otadata chooses it", "handover.c", (
        TAKE_BACK,
    ), ("failed",)),
    Variant("boots_not_counted", "boots of a trial are not counted", "handover.c", (
        ("        error = oneslot_journal_trial_count(&install->journal, install->slot);\n",
         "        error = ONESLOT_ERROR_NONE;\n"),
    ), ("failed",)),
    Variant("trial_without_a_trial", "a firmware on trial is chosen for good", "handover.c", (
        ("trial ? ONESLOT_OTA_NEW : ONESLOT_OTA_UNDEFINED", "ONESLOT_OTA_UNDEFINED"),
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
    Variant("any_chip", "an image for another chip of the family passes", "image_esp32.c", (
        ("    if (image->chip != limits->chip) {\n", "    if (false) {\n"),
    ), ("failed",)),
)

# Faults that the life of a device must show.
STORY_VARIANTS = (
    Variant("floor_before_confirm", "the floor rises when the trial begins", "install.c", (
        ("    } else {\n        oneslot_version_raise", "    }\n    {\n        oneslot_version_raise"),
    ), ("refused", "floor")),
    Variant("trial_boot_not_counted", "a boot of a trial is not counted", "journal.c", (
        ("    uint32_t address = slot_address(journal, slot) + counter_offset(counter) + before * 4u;\n",
         "    uint32_t address = slot_address(journal, slot) + counter_offset(counter) + before * 4u;\n"
         "    if (before < ONESLOT_TRIAL_MAX) {\n        return ONESLOT_ERROR_NONE;\n    }\n"),
    ), ("refused",)),
    Variant("confirm_forgets_the_floor", "a confirmation does not raise the floor", "api.c", (
        ("    oneslot_version_raise(oneslot->record.floor, oneslot->record.installed_version);\n", ""),
    ), ("refused",)),
    Variant("no_floor_at_all", "a version below the floor passes", "install_package.c", (
        ("        .floor = of_application ? &floor : NULL,\n", ""),
    ), ("refused",)),
    Variant("erased_before_the_version_is_known", "the flash is erased before the package was looked at", "install.c", (
        ("    enum oneslot_error error = prove_attempt(install, attempt);\n    if (error != ONESLOT_ERROR_NONE) {\n"
         "        return error;\n    }\n    // Nothing begins",
         "    (void)oneslot_flash_erase_sector(install->flash, 4u * ONESLOT_SECTOR_SIZE);\n"
         "    enum oneslot_error error = prove_attempt(install, attempt);\n    if (error != ONESLOT_ERROR_NONE) {\n"
         "        return error;\n    }\n    // Nothing begins"),
    ), ("refused", "wrong", "brick")),
    Variant("trial_before_proof", "the journal says trial before the image in flash was read back", "install_steps.c", (
        ("    br_sha256_context sha256;\n",
         "    if (install->record.trial_boots > 0) {\n"
         "        struct oneslot_record trial = install->record;\n"
         "        memset(trial.plan, 0, sizeof trial.plan);\n"
         "        memcpy(trial.previous.image, trial.installed, sizeof trial.previous.image);\n"
         "        trial.state = ONESLOT_STATE_TRIAL;\n"
         "        (void)oneslot_journal_append(&install->journal, &trial, &install->slot);\n    }\n"
         "    br_sha256_context sha256;\n"),
    ), ("wrong", "journal", "brick"), (), "confirm"),
    Variant("exchanged_after_a_cut", "after a cut a file that nobody has signed goes on", "install.c", (
        ("        reason = prove_attempt(install, &attempt);\n",
         "        reason = oneslot_source_open(&install->source, install->flash, &install->map, install->path);\n"
         "        if (reason == ONESLOT_ERROR_NONE && install->trust.count > 0) {\n"
         "            install->trust.count = 0;\n"
         "            oneslot_source_close(&install->source);\n"
         "            reason = prove(install, &(struct demand){.known = true});\n        }\n"),
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

# Of operations and reads that fail once, or for a while, at every place in turn.
SINGLE_FAULT_VARIANTS = (
    Variant("last_word_not_missed", "the boot loader goes past the installer though the journal calls an attempt open",
            "handover.c", (
        ("    if (lacks_last_word(start->install)) {", "    if (false && lacks_last_word(start->install)) {"),
    ), ("failed",)),
)
# Of files on littlefs.
SOURCE_VARIANTS = (
    Variant("closed_though_not_open", "a file that could not be opened is closed", "source.c", (
        ("    source->raw = !place.file;\n", "    source->raw = !place.file;\n    source->is_file = !source->raw;\n"),
    ), ("failed",)),
)
# Of image formats.
IMAGE_VARIANTS = (
    Variant("user2_taken_for_user1", "an image that was linked for another place is allowed", "image_allowed.c", (
        ("    if (image->elsewhere) {\n", "    if (false) {\n"),
    ), ("failed",)),
    Variant("boot_loader_is_a_firmware", "a boot loader alone is allowed", "image_allowed.c", (
        ("    if (image->kind == ONESLOT_IMAGE_BOOT) {\n", "    if (false) {\n"),
    ), ("failed",)),
)
# Of what the loader starts.
START_VARIANTS = (
    Variant("not_the_loaders_rule", "an image is allowed whose segments the loader does not copy", "image_allowed.c", (
        ("        if (!oneslot_rom_loads(segment->address, segment->length)) {", "        if (false) {"),
    ), ("failed",)),
    Variant("entered_anywhere", "an image is allowed that is entered where nothing was loaded", "image_allowed.c", (
        ("    return entered ? ONESLOT_ERROR_NONE", "    return entered || true ? ONESLOT_ERROR_NONE"),
    ), ("failed",)),
    Variant("off_its_page", "an ESP32 image is taken whose code does not lie on the same place of a page", "image_esp32.c", (
        ("        return congruent ? ONESLOT_ERROR_NONE", "        return congruent || true ? ONESLOT_ERROR_NONE"),
    ), ("failed",)),
    Variant("any_page", "the page that an ESP32 image names is believed on chips that have one size alone",
            "image_esp32.c", (
        ("    return 1u << (named >= memory->page_bits && named",
         "    return 1u << (named >= (memory->page_bits & 8u) && named"),
    ), ("failed",)),
    Variant("any_memory", "an ESP32 image is taken that loads to where no memory is", "image_esp32.c", (
        ("    return right ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_IMAGE_MEMORY;", "    return ONESLOT_ERROR_NONE;"),
    ), ("failed",)),
)

# What lives must catch as well, whatever else does: on which family, and as what.
LIVES_CATCH = {
    "watch_takes_what_failed": ("esp32", ("wrong",)),
    "older_watch_file_counts": ("esp8266", ("wrong",)),
    "file_forgotten": ("esp8266", ("brick",)),
    "layout_forgotten": ("esp32", ("violation", "brick")),
    "unread_is_empty": ("esp32", ("journal", "brick", "wrong")),
    "boots_not_counted": ("esp32", ("endless",)),
    "journal_stops_the_start": ("esp32", ("brick",)),
}
ALL_VARIANTS = [variant for variants in list(globals().values()) if isinstance(variants, tuple)
                for variant in variants if isinstance(variant, Variant)]
