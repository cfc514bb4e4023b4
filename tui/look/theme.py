"""The app's two themes. Calm surfaces, one accent.

Blue is for measured values and orange for marks. People with any of the common kinds of colour blindness can tell the
two apart (Okabe and Ito, 2008, "Color Universal Design").
"""

from __future__ import annotations

from textual.theme import Theme

DARK = Theme(
    name="cifar-dark",
    dark=True,
    primary="#5aa7e8",
    secondary="#7f93a8",
    accent="#5aa7e8",
    warning="#e69f00",
    error="#ff7a66",
    success="#4db6a4",
    foreground="#d7dee6",
    background="#0f1419",
    surface="#141a21",
    panel="#1c242d",
    variables={
        "border": "#33414f",
        "border-blurred": "#2a3541",
        "footer-key-foreground": "#5aa7e8",
        "scrollbar": "#33414f",
        "scrollbar-hover": "#4a5b6d",
        "scrollbar-active": "#5aa7e8",
        "scrollbar-background": "#141a21",
        "scrollbar-background-hover": "#141a21",
        "scrollbar-background-active": "#141a21",
    },
)

LIGHT = Theme(
    name="cifar-light",
    dark=False,
    primary="#0b62a4",
    secondary="#5c6f82",
    accent="#0b62a4",
    warning="#b35c00",
    error="#b3261e",
    success="#00705c",
    foreground="#1c2733",
    background="#f7f8fa",
    surface="#ffffff",
    panel="#e9edf1",
    variables={
        "border": "#b9c4cf",
        "border-blurred": "#ccd5dd",
        "footer-key-foreground": "#0b62a4",
        "scrollbar": "#b9c4cf",
        "scrollbar-hover": "#8d9cab",
        "scrollbar-active": "#0b62a4",
        "scrollbar-background": "#eef1f4",
        "scrollbar-background-hover": "#eef1f4",
        "scrollbar-background-active": "#eef1f4",
    },
)
