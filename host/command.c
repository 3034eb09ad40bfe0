#include "host/command.h"

#include <stdlib.h>
#include <string.h>

#include "host/tool.h"

int command_help(const char *head, const struct command *commands, size_t count, const char *tail) {
    char *text = NULL;
    size_t length = 0;
    FILE *memory = open_memstream(&text, &length);
    if (memory == NULL) {
        return tool_fail(false, ONESLOT_ERROR_NONE, "memory ran out");
    }
    fputs(head, memory);
    for (size_t index = 0; index < count; index++) {
        if (commands[index].run != NULL) {
            fprintf(memory, "  %-9s %s\n", commands[index].name, commands[index].summary);
        }
    }
    fputs(tail, memory);
    int status = fclose(memory) == 0 ? tool_help(text) : tool_fail(false, ONESLOT_ERROR_NONE, "memory ran out");
    free(text);
    return status;
}

const struct command *command_find(const char *of, const char *name, const struct command *commands, size_t count) {
    for (size_t index = 0; index < count; index++) {
        if (commands[index].run != NULL && strcmp(name, commands[index].name) == 0) {
            return &commands[index];
        }
    }
    const char *nearest = tool_nearest(name, &commands[0].name, count, sizeof *commands);
    const char *before = of != NULL ? of : "";
    const char *space = of != NULL ? " " : "";
    if (nearest != NULL) {
        tool_usage(of, "there is no command '%s%s%s'; did you mean '%s'?", before, space, name, nearest);
    } else {
        tool_usage(of, "there is no command '%s%s%s'", before, space, name);
    }
    return NULL;
}
