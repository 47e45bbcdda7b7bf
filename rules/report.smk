"""Targets of tables and figures: all of them, the page, and each one by its name.

Needs: the rules that make them. Gives: target rules, and no file of their own.
"""


rule tables:
    """Every table, as csv and as Markdown."""
    input:
        table_files([*TABLES, *MORE_TABLES]),


rule figures:
    """Every figure."""
    input:
        figure_files([*FIGURES, *MORE_FIGURES]),


rule report:
    """Tables and figures of target `all`, and the page that shows them."""
    input:
        table_files(TABLES),
        figure_files(FIGURES),
        rules.write_site.output.out,


# Tables, figures and other files may share a name: the target of that name builds all of them.
MORE_FILES = {
    "dataset": [rules.filter_dataset.output.out, rules.export_dataset.output.out],
    "editing": figure_files(["edits"]),
    "pipeline": [rules.export_pipeline.output.out],
}
ALL_TABLES = [*TABLES, *MORE_TABLES, *OWN_TABLES]
ALL_FIGURES = [*FIGURES, *MORE_FIGURES, *OWN_FIGURES]
for target in sorted({*ALL_TABLES, *ALL_FIGURES}):

    rule:
        name:
            target
        input:
            table_files([target] if target in ALL_TABLES else []),
            figure_files([target] if target in ALL_FIGURES else []),
            MORE_FILES.get(target, []),
