"""How one member may see the name of another."""


def mask_name(name: str) -> str:
    """Show enough of a name to know a friend by: Trần Văn Bình is Trần V. B…

    A stranger learns no full name from it. A name of one word shows its first letter;
    no name stays empty.
    """
    first, *others = name.split() or [""]
    if not others:
        return f"{first[:1]}…" if first else ""
    middle = [f"{word[0]}." for word in others[:-1]]
    return " ".join([first, *middle, f"{others[-1][0]}…"])
