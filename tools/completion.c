/* Generates a shell's completions from the table of options:
 *
 *	completion bash|zsh|fish PROGRAM >FILE
 *
 * Completes options, and values that are known: words, files, and the existing
 *NATS CLI contexts. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "config/options.h"

/* The kind of a value's completion. */
enum values {
	VALUES_NONE, /* the option takes no value */
	VALUES_FREE, /* any text */
	VALUES_WORDS,
	VALUES_FILES,
	VALUES_CONTEXTS,
	VALUES_OFF, /* free, or the word "off" */
};

static enum values values_of(const struct options_row *row)
{
	if (row->type == OPTIONS_BOOL)
		return VALUES_NONE;
	if (row->type == OPTIONS_WORD)
		return VALUES_WORDS;
	if (strstr(row->metavar, "FILE") != NULL)
		return VALUES_FILES;
	if (row->offset == offsetof(struct options, context))
		return VALUES_CONTEXTS;
	return row->flags & OPTIONS_OFF ? VALUES_OFF : VALUES_FREE;
}

static bool is_shown(const struct options_row *row)
{
	return !(row->flags & OPTIONS_HIDDEN);
}

static void put_words(const struct options_row *row)
{
	for (const char *const *w = row->words; *w != NULL; w++)
		printf("%s%s", w == row->words ? "" : " ", *w);
}

/* The help on one line, with a backslash before each of the characters in
 * `marked`, and `quote` for a single quote. */
static void put_help(const struct options_row *row, const char *marked,
		     const char *quote)
{
	for (const char *c = row->help; *c != '\0'; c++) {
		if (*c == '\'') {
			fputs(quote, stdout);
			continue;
		}
		if (strchr(marked, *c) != NULL)
			putchar('\\');
		putchar(*c == '\n' ? ' ' : *c);
	}
}

/* ---- bash ---------------------------------------------------------------- */

static const char bash_begin[] =
	"# Completion of sluice for bash, made from its table of options.\n"
	"\n"
	"_sluice_contexts()\n"
	"{\n"
	"	local file\n"
	"\n"
	"	for file in "
	"\"${XDG_CONFIG_HOME:-$HOME/.config}\"/nats/context/*.json\n"
	"	do\n"
	"		[[ -e $file ]] || continue\n"
	"		file=${file##*/}\n"
	"		printf '%s\\n' \"${file%.json}\"\n"
	"	done\n"
	"}\n"
	"\n"
	"_sluice()\n"
	"{\n"
	"	local cur=${COMP_WORDS[COMP_CWORD]}\n"
	"	local option=${COMP_WORDS[COMP_CWORD - 1]}\n"
	"	local equals=\n"
	"\n"
	"	# \"--option=value\" comes as three words.\n"
	"	if [[ $cur == = ]]; then\n"
	"		cur=\n"
	"		equals=yes\n"
	"	elif [[ $option == = ]]; then\n"
	"		option=${COMP_WORDS[COMP_CWORD - 2]}\n"
	"		equals=yes\n"
	"	fi\n"
	"	COMPREPLY=()\n"
	"	case $option in\n";

static const char bash_end[] = "' -- \"$cur\")\n"
			       "		;;\n"
			       "	esac\n"
			       "}\n"
			       "complete -F _sluice ";

static void bash_row(const struct options_row *row)
{
	static const char take[] =
		"		mapfile -t COMPREPLY < <(compgen";
	enum values values = values_of(row);

	if (values == VALUES_NONE)
		return;
	printf("	--%s)\n", row->name);
	if (row->alone != NULL)
		fputs("		[[ -n $equals ]] &&\n", stdout);
	if (values == VALUES_FILES)
		printf("		compopt -o filenames 2>/dev/null\n"
		       "%s -f -- \"$cur\")\n",
		       take);
	else if (values == VALUES_CONTEXTS)
		printf("%s -W \"$(_sluice_contexts)\" -- \"$cur\")\n", take);
	else if (values == VALUES_OFF)
		printf("%s -W off -- \"$cur\")\n", take);
	else if (values == VALUES_WORDS) {
		printf("%s -W '", take);
		put_words(row);
		fputs("' -- \"$cur\")\n", stdout);
	}
	fputs("		;;\n", stdout);
}

static void put_bash(const char *program)
{
	fputs(bash_begin, stdout);
	for (size_t i = 0; i < options_rows; i++)
		if (is_shown(&options_table[i]))
			bash_row(&options_table[i]);
	fputs("	*)\n		mapfile -t COMPREPLY < <(compgen -W '", stdout);
	for (size_t i = 0; i < options_rows; i++)
		if (is_shown(&options_table[i]))
			printf("\n			--%s",
			       options_table[i].name);
	printf("%s%s\n", bash_end, program);
}

/* ---- zsh ----------------------------------------------------------------- */

static const char zsh_begin[] =
	"\n"
	"# Completion of sluice for zsh, made from its table of options.\n"
	"\n"
	"_sluice_contexts() {\n"
	"	local -a names\n"
	"	names=(${XDG_CONFIG_HOME:-$HOME/.config}/nats/context/"
	"*.json(N:t:r))\n"
	"	_describe 'context' names\n"
	"}\n"
	"\n"
	"_arguments";

static void zsh_row(const struct options_row *row)
{
	enum values values = values_of(row);

	printf(" \\\n	'%s--%s%s[", row->type == OPTIONS_LIST ? "*" : "",
	       row->name,
	       values == VALUES_NONE ? ""
	       : row->alone != NULL  ? "=-"
				     : "=");
	put_help(row, "\\[]:", "'\\''");
	putchar(']');
	if (values != VALUES_NONE)
		printf(":%s%s:", row->alone != NULL ? ":" : "", row->metavar);
	if (values == VALUES_FREE)
		putchar(' ');
	else if (values == VALUES_FILES)
		fputs("_files", stdout);
	else if (values == VALUES_CONTEXTS)
		fputs("_sluice_contexts", stdout);
	else if (values == VALUES_OFF)
		fputs("(off)", stdout);
	else if (values == VALUES_WORDS) {
		putchar('(');
		put_words(row);
		putchar(')');
	}
	putchar('\'');
}

static void put_zsh(const char *program)
{
	printf("#compdef %s%s", program, zsh_begin);
	for (size_t i = 0; i < options_rows; i++)
		if (is_shown(&options_table[i]))
			zsh_row(&options_table[i]);
	putchar('\n');
}

/* ---- fish ---------------------------------------------------------------- */

static const char fish_begin[] =
	"# Completion of sluice for fish, made from its table of options.\n"
	"\n"
	"function __sluice_contexts\n"
	"	set -l root ~/.config\n"
	"	set -q XDG_CONFIG_HOME; and set root $XDG_CONFIG_HOME\n"
	"	for file in $root/nats/context/*.json\n"
	"		string replace -r '.*/(.*)\\.json$' '$1' -- $file\n"
	"	end\n"
	"end\n"
	"\n";

static void fish_row(const char *program, const struct options_row *row)
{
	enum values values = values_of(row);

	printf("complete -c %s -l %s", program, row->name);
	if (values == VALUES_FILES)
		fputs(" -r -F", stdout);
	else if (values != VALUES_NONE && row->alone == NULL)
		fputs(" -x", stdout);
	if (values == VALUES_CONTEXTS)
		fputs(" -a '(__sluice_contexts)'", stdout);
	else if (values == VALUES_OFF)
		fputs(" -a off", stdout);
	else if (values == VALUES_WORDS) {
		fputs(" -a '", stdout);
		put_words(row);
		putchar('\'');
	}
	fputs(" -d '", stdout);
	put_help(row, "\\", "\\'");
	fputs("'\n", stdout);
}

static void put_fish(const char *program)
{
	printf("%scomplete -c %s -f\n", fish_begin, program);
	for (size_t i = 0; i < options_rows; i++)
		if (is_shown(&options_table[i]))
			fish_row(program, &options_table[i]);
}

int main(int argc, char *argv[])
{
	const char *shell = argc == 3 ? argv[1] : "";

	if (strcmp(shell, "bash") == 0) {
		put_bash(argv[2]);
	} else if (strcmp(shell, "zsh") == 0) {
		put_zsh(argv[2]);
	} else if (strcmp(shell, "fish") == 0) {
		put_fish(argv[2]);
	} else {
		fputs("usage: completion bash|zsh|fish PROGRAM\n", stderr);
		return 2;
	}
	return fflush(stdout) == 0 ? 0 : 1;
}
