"""The worst mistakes as pictures, inside the page."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray

from engine.export.page.html import section, text
from engine.record.classified import Classified, chosen
from engine.use.images import Shown

_MOST = 36
"""Pictures, of 3 kB each."""


def mistakes(found: Classified, shown: Shown) -> str:
    """Return the mistakes with the largest losses."""
    worst = chosen(found, "surely wrong")[:_MOST].tolist()
    if not worst:
        return section("Worst mistakes", '<p class="faint">Every image was recognised.</p>')
    return section(
        "Worst mistakes", f'<div class="pictures">{"".join(_figure(found, shown, number) for number in worst)}</div>'
    )


def _figure(found: Classified, shown: Shown, number: int) -> str:
    true, predicted = (text(found.classes[of[number]]) for of in (found.labels, found.predicted))
    told = f"<b>{true}</b> taken for <b>{predicted}</b>, {100 * found.confidence[number]:.1f} %"
    return figure(shown.images[number], shown.names[number], told)


def figure(image: NDArray[np.uint8], name: str, told: str) -> str:
    """Return a picture, uint8 of shape (32, 32, 3), with `told`, which is HTML already, and its name below it."""
    name = text(name)
    return (
        f'<figure><img src="data:image/png;base64,{_png(image)}" alt="{name}" title="{name}">'
        f"<figcaption>{told}<br>{name}</figcaption></figure>"
    )


def _png(image: NDArray[np.uint8]) -> str:
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(image).save(content, "PNG")
    return base64.b64encode(content.getvalue()).decode()
