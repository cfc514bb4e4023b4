"""What the classes of the demo set look like: each motif draws one kind of thing into a batch of scenes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from engine.data.sources.demo.drawing import (
    COAT,
    DARK,
    FEATHER,
    FOREST,
    FUR,
    GRASS,
    HIDE,
    METAL,
    PAINT,
    PALE,
    ROAD,
    ROOM,
    SKIN,
    SKY,
    WATER,
    Floats,
    Number,
    Palette,
    Scene,
)


def _plane_from_the_side(scene: Scene) -> None:
    scene.place(turn=22, scale=(0.7, 1.1))
    body = scene.colour(METAL)
    shade = scene.mixed(body, 0, 0.25)
    tail = scene.number(0.25, 0.45)
    scene.polygon([(-0.88, -tail), (-0.7, -tail), (-0.45, 0.0), (-0.75, 0.0)], scene.colour(PAINT))
    scene.limb(-0.72, 0.0, 0.62, scene.number(-0.04, 0.06), scene.number(0.09, 0.15), body)
    scene.limb(-0.5, -0.03, 0.55, 0.0, 0.025, scene.colour(DARK), scene.chance(0.6))
    reach = scene.number(0.25, 0.5)
    scene.polygon([(-0.2, 0.03), (0.2, 0.03), (-0.2, reach), (-0.36, reach)], shade)
    scene.limb(0.0, 0.2, 0.16, 0.2, 0.06, scene.mixed(body, 0, 0.5), scene.chance(0.6))


def _plane_from_below(scene: Scene) -> None:
    scene.place(turn=75, scale=(0.7, 1.1))
    body = scene.colour(METAL)
    sweep, reach = scene.number(0.05, 0.5), scene.number(0.6, 0.95)
    for side in (-1, 1):
        tip = reach * side
        shade = scene.mixed(body, 0, 0.12)
        scene.polygon([(0.2, 0.0), (-0.15, 0.0), (-0.2 - sweep, tip), (-0.06 - sweep, tip)], shade)
        scene.polygon([(-0.55, 0.0), (-0.75, 0.0), (-0.88, 0.32 * side), (-0.76, 0.32 * side)], shade)
    scene.limb(-0.75, 0.0, 0.72, 0.0, scene.number(0.07, 0.12), body)


def _wheels(scene: Scene, places: Sequence[Number], v: float, size: Number) -> None:
    tyre, hub = scene.colour(DARK, 8), scene.colour(METAL)
    for u in places:
        scene.ellipse(u, v, size, size, tyre)
        scene.ellipse(u, v, size * 0.45, size * 0.45, hub)


def _car(scene: Scene) -> None:
    scene.place(turn=6, scale=(0.7, 1.1))
    paint = scene.colour(PAINT)
    roof, front, back = scene.number(-0.4, -0.24), scene.number(0.25, 0.5), scene.number(-0.72, -0.4)
    glass = scene.mixed(scene.colour(PALE), scene.colour(DARK), 0.5)
    scene.polygon([(back, 0.0), (back + 0.18, roof), (front - 0.25, roof), (front, 0.0)], paint)
    scene.polygon(
        [(back + 0.1, -0.02), (back + 0.22, roof + 0.06), (front - 0.29, roof + 0.06), (front - 0.09, -0.02)], glass
    )
    scene.box((back + front) / 2, -0.12, 0.03, 0.12, paint)
    scene.box(0.0, 0.14, scene.number(0.72, 0.85), scene.number(0.14, 0.19), paint)
    scene.ellipse(0.74, 0.1, 0.06, 0.06, scene.colour(((240, 230, 160),)))
    _wheels(scene, (-0.45, 0.47), 0.31, scene.number(0.14, 0.19))


def _van(scene: Scene) -> None:
    scene.place(turn=6, scale=(0.7, 1.1))
    paint = scene.colour(PAINT)
    roof = scene.number(-0.5, -0.35)
    scene.polygon([(-0.78, 0.28), (-0.76, roof), (0.35, roof), (0.8, 0.28)], paint)
    glass = scene.mixed(scene.colour(PALE), scene.colour(DARK), 0.5)
    for u in (-0.5, -0.1, 0.25):
        scene.box(u, roof + 0.2, 0.13, 0.1, glass)
    _wheels(scene, (-0.48, 0.48), 0.31, scene.number(0.13, 0.18))


def _truck(scene: Scene) -> None:
    scene.place(turn=6, scale=(0.7, 1.1))
    load, cab = scene.colour((*PAINT, *METAL)), scene.colour(PAINT)
    roof = scene.number(-0.6, -0.35)
    scene.box(0.0, 0.22, 0.85, 0.06, scene.colour(DARK))
    scene.box(-0.25, (roof + 0.18) / 2, 0.62, (0.18 - roof) / 2, load)
    for u in (-0.6, -0.25, 0.1):
        scene.box(u, (roof + 0.18) / 2, 0.015, (0.18 - roof) / 2, scene.mixed(load, 0, 0.3), scene.chance(0.4))
    top = scene.number(-0.3, -0.15)
    scene.polygon([(0.42, 0.25), (0.42, top), (0.72, top), (0.9, 0.25)], cab)
    scene.box(0.62, top + 0.14, 0.11, 0.08, scene.mixed(scene.colour(PALE), scene.colour(DARK), 0.4))
    size = scene.number(0.13, 0.17)
    _wheels(scene, (-0.68, -0.36, 0.6), 0.32, size)


def _pickup(scene: Scene) -> None:
    scene.place(turn=6, scale=(0.7, 1.1))
    paint = scene.colour(PAINT)
    roof = scene.number(-0.42, -0.28)
    scene.box(0.0, 0.14, 0.85, 0.15, paint)
    scene.polygon([(-0.15, 0.0), (-0.12, roof), (0.3, roof), (0.45, 0.0)], paint)
    scene.box(0.1, roof / 2 - 0.03, 0.17, 0.09, scene.mixed(scene.colour(PALE), scene.colour(DARK), 0.5))
    scene.box(-0.5, scene.number(-0.2, 0.0), 0.32, 0.12, scene.colour((*FOREST, *METAL)), scene.chance(0.7))
    _wheels(scene, (-0.5, 0.52), 0.32, scene.number(0.16, 0.21))


def _ship(scene: Scene) -> None:
    scene.place(turn=7, scale=(0.7, 1.1))
    hull, deck = scene.colour(PAINT), scene.colour(METAL)
    height = scene.number(0.15, 0.4)
    scene.box(scene.number(-0.4, -0.1), -0.02 - height / 2, scene.number(0.15, 0.4), height / 2 + 0.06, deck)
    scene.box(scene.number(-0.4, 0.0), -0.1 - height, scene.number(0.05, 0.14), 0.14, scene.colour(PAINT))
    mast = scene.number(-0.1, 0.5)
    scene.limb(mast, 0.05, mast, scene.number(-0.8, -0.4), 0.025, scene.colour(DARK), scene.chance(0.6))
    scene.polygon([(-0.85, 0.02), (0.92, -0.06), (0.62, 0.36), (-0.7, 0.36)], hull)
    scene.box(0.0, 0.31, 0.66, 0.05, scene.mixed(hull, scene.colour(DARK), 0.6))


def _sailing_boat(scene: Scene) -> None:
    scene.place(turn=16, scale=(0.7, 1.1))
    sail = scene.colour((*PALE, *PALE, *PAINT))
    top = scene.number(-0.95, -0.65)
    scene.limb(0.0, 0.2, 0.0, top, 0.03, scene.colour(FOREST))
    scene.polygon([(0.06, 0.14), (0.06, top), (scene.number(0.4, 0.65), 0.14)], sail)
    scene.polygon([(-0.06, 0.14), (scene.number(-0.55, -0.3), 0.14), (-0.06, top * 0.85)], scene.mixed(sail, 0, 0.1))
    scene.polygon([(-0.6, 0.2), (0.68, 0.2), (0.42, 0.46), (-0.45, 0.46)], scene.colour(PAINT))


def _bird_standing(scene: Scene) -> None:
    scene.place(turn=18, scale=(0.7, 1.1))
    plumage = scene.colour(FEATHER)
    shade = scene.mixed(plumage, 0, 0.3)
    thin = scene.colour(((190, 130, 60), (70, 60, 55)))
    up = scene.number(-0.5, -0.25)
    for u in (-0.06, 0.08):
        scene.limb(u, 0.2, u + 0.03, scene.number(0.5, 0.75), 0.025, thin)
    scene.polygon([(-0.35, 0.0), (-0.95, scene.number(0.0, 0.3)), (-0.85, 0.35), (-0.25, 0.2)], shade)
    scene.ellipse(0.0, 0.05, 0.45, scene.number(0.24, 0.34), plumage)
    scene.limb(0.2, 0.0, 0.36, up, 0.13, plumage)
    scene.polygon([(0.46, up - 0.09), (scene.number(0.68, 0.95), up + 0.02), (0.46, up + 0.08)], thin)
    scene.ellipse(0.38, up, 0.18, 0.17, plumage)
    scene.ellipse(0.43, up - 0.03, 0.045, 0.045, scene.colour(DARK))
    scene.ellipse(-0.12, 0.05, 0.32, 0.14, shade)


def _bird_flying(scene: Scene) -> None:
    scene.place(turn=40, scale=(0.7, 1.1))
    plumage = scene.colour(FEATHER)
    wing = scene.mixed(plumage, 0, 0.2)
    reach, bend = scene.number(0.5, 0.85), scene.number(-0.3, 0.2)
    scene.polygon([(-0.2, 0.0), (bend - 0.15, -reach), (bend, -reach), (0.22, 0.0)], wing)
    scene.polygon([(0.22, 0.0), (bend + 0.15, reach * 0.6), (bend - 0.1, reach * 0.6), (-0.2, 0.0)], wing)
    scene.polygon([(-0.4, -0.06), (-0.4, 0.06), (-0.8, 0.18), (-0.8, -0.16)], wing)
    scene.ellipse(0.0, 0.0, 0.45, 0.14, plumage)
    scene.ellipse(0.46, -0.04, 0.14, 0.12, plumage)
    scene.polygon([(0.55, -0.09), (0.78, -0.02), (0.55, 0.03)], scene.colour(((200, 140, 60),)))


def _face(scene: Scene, fur: Floats, u: Number, v: Number, size: Number, *, dog: bool) -> None:
    """A head from the front: a cat's ears stand up and end in a point, a dog's mostly hang, and its muzzle is long."""
    dark, pale = scene.colour(DARK), scene.mixed(fur, scene.colour(PALE), 0.5)
    ear = scene.mixed(fur, 0, 0.3)
    pointed = scene.chance(0.25 if dog else 0.93)
    for side in (-1, 1):
        corners = [
            (u + size * (0.25 * side), v - size * 0.7),
            (u + size * (0.8 * side), v - size * 1.4),
            (u + size * (0.95 * side), v - size * 0.25),
        ]
        scene.polygon(corners, ear, pointed)
    scene.ellipse(u, v, size, size * scene.number(0.8, 1.0), fur)
    for side in (-1, 1):
        scene.ellipse(u + size * (0.92 * side), v + size * 0.15, size * 0.28, size * 0.7, ear, 1 - pointed)
        scene.ellipse(u + size * (0.42 * side), v - size * 0.18, size * 0.17, size * 0.17, dark)
        eye = scene.colour(((170, 190, 70), (210, 170, 60)))
        scene.ellipse(
            u + size * (0.42 * side), v - size * 0.18, size * 0.12, size * 0.13, eye, scene.chance(0.1 if dog else 0.8)
        )
    muzzle = scene.number(0.4, 0.55) if dog else scene.number(0.25, 0.4)
    scene.ellipse(u, v + size * 0.42, size * muzzle, size * muzzle, pale)
    nose = 0.2 if dog else 0.11
    scene.ellipse(
        u, v + size * 0.25, size * nose, size * (nose * 0.8), dark if dog else scene.colour(((190, 110, 110),))
    )


def _portrait(scene: Scene, *, dog: bool) -> None:
    scene.place(turn=16, scale=(0.7, 1.15))
    fur = scene.colour(FUR)
    scene.ellipse(0.0, 0.95, 0.65, 0.6, scene.mixed(fur, 0, 0.12))
    _face(scene, fur, 0.0, scene.number(-0.05, 0.1), scene.number(0.5, 0.62), dog=dog)


def _sitting(scene: Scene, *, dog: bool) -> None:
    scene.place(turn=10, scale=(0.7, 1.1))
    fur = scene.colour(FUR)
    shade = scene.mixed(fur, 0, 0.2)
    scene.limb(0.3, 0.6, scene.number(0.6, 0.85), scene.number(0.0, 0.5), 0.07 if dog else 0.09, shade)
    scene.ellipse(0.0, 0.35, scene.number(0.32, 0.42), 0.5, fur)
    for side in (-1, 1):
        scene.limb(0.14 * side, 0.35, 0.16 * side, 0.78, 0.08, shade)
    _face(scene, fur, scene.number(-0.12, 0.12), -0.35, scene.number(0.28, 0.36), dog=dog)


def _walking(
    scene: Scene,
    coat: Floats,
    *,
    leg: tuple[float, float],
    thick: float,
    body: tuple[float, float],
    neck: tuple[float, float],
    head: tuple[float, float],
) -> tuple[Floats, Floats]:
    """An animal on four legs from the side; returns where its head is. `head` is half its length and height."""
    shade = scene.mixed(coat, 0, 0.25)
    long, stride = scene.number(*leg), scene.number(-0.12, 0.12)
    belly = scene.number(*body)
    for u, colour in ((-0.36, shade), (0.38, shade), (-0.46, coat), (0.28, coat)):
        scene.limb(u, 0.1, u + stride, 0.1 + long, thick, colour)
        stride = -stride
    scene.ellipse(-0.04, 0.0, 0.56, belly, coat)
    up, ahead = scene.number(*neck), scene.number(0.55, 0.72)
    scene.limb(0.4, -0.08, ahead, -up, belly * 0.5, coat)
    scene.ellipse(ahead + head[0] * 0.5, 0.03 - up, head[0], head[1], coat)
    scene.ellipse(ahead + head[0] * 0.3, -up, 0.035, 0.035, scene.colour(DARK))
    return ahead, -up


def _small_walking(scene: Scene, *, dog: bool) -> None:
    scene.place(turn=9, scale=(0.7, 1.1))
    fur = scene.colour(FUR)
    rise = scene.number(-0.6, -0.1)
    scene.limb(-0.52, -0.05, -0.85, rise, 0.05 if dog else 0.065, fur)
    u, v = _walking(
        scene, fur, leg=(0.35, 0.55), thick=0.075, body=(0.19, 0.27), neck=(0.2, 0.42),
        head=(0.24, 0.15) if dog else (0.18, 0.17),
    )  # fmt: skip
    ear = scene.mixed(fur, 0, 0.35)
    if dog:
        scene.ellipse(u + 0.02, v + 0.06, 0.07, 0.16, ear)
        scene.ellipse(u + 0.33, v + 0.02, 0.04, 0.04, scene.colour(DARK))
    else:
        for at in (-0.06, 0.12):
            scene.polygon([(u + at, v - 0.05), (u + at + 0.05, v - 0.3), (u + at + 0.14, v - 0.05)], ear)


def _deer(scene: Scene) -> None:
    scene.place(turn=8, scale=(0.7, 1.1))
    hide = scene.colour(HIDE)
    scene.ellipse(-0.58, -0.08, 0.09, 0.12, scene.colour(PALE))
    u, v = _walking(scene, hide, leg=(0.6, 0.8), thick=0.045, body=(0.18, 0.25), neck=(0.4, 0.65), head=(0.17, 0.09))
    scene.ellipse(u - 0.06, v - 0.08, 0.1, 0.045, hide)
    antlers, bone = scene.chance(0.65), scene.colour(((150, 125, 90), (90, 70, 50)))
    for lean in (-0.18, 0.14):
        tip = scene.number(0.32, 0.5)
        scene.limb(u, v - 0.06, u + lean, v - tip, 0.026, bone, antlers)
        scene.limb(u + lean * 0.6, v - tip * 0.6, u + lean * 0.6 + 0.14, v - tip * 0.85, 0.024, bone, antlers)
    for at in (-0.3, -0.1, 0.1):
        scene.ellipse(at, -0.06, 0.035, 0.035, scene.colour(PALE), scene.chance(0.3))


def _horse(scene: Scene) -> None:
    scene.place(turn=8, scale=(0.7, 1.1))
    coat = scene.colour(COAT)
    hair = scene.mixed(coat, scene.colour(DARK), 0.7)
    scene.limb(-0.55, -0.1, scene.number(-0.85, -0.65), scene.number(0.25, 0.5), 0.07, hair)
    u, v = _walking(scene, coat, leg=(0.55, 0.75), thick=0.065, body=(0.22, 0.3), neck=(0.35, 0.55), head=(0.24, 0.11))
    scene.limb(0.32, -0.2, u - 0.08, v - 0.04, 0.06, hair)
    scene.polygon([(u - 0.06, v - 0.04), (u, v - 0.2), (u + 0.06, v - 0.04)], coat)


def _frog_sitting(scene: Scene) -> None:
    scene.place(turn=14, scale=(0.7, 1.1))
    skin = scene.colour(SKIN)
    shade, pale = scene.mixed(skin, 0, 0.25), scene.mixed(skin, scene.colour(PALE), 0.5)
    for side in (-1, 1):
        scene.ellipse(0.6 * side, 0.32, 0.3, 0.22, shade)
        scene.limb(0.6 * side, 0.5, 0.85 * side, 0.56, 0.07, shade)
    scene.ellipse(0.0, 0.2, 0.6, scene.number(0.34, 0.46), skin)
    scene.ellipse(0.0, 0.4, 0.4, 0.18, pale)
    wide = scene.number(0.24, 0.36)
    for side in (-1, 1):
        scene.ellipse(wide * side, -0.2, 0.19, 0.19, skin)
        scene.ellipse(wide * side, -0.22, 0.12, 0.12, scene.colour(((220, 190, 80), (225, 220, 190))))
        scene.ellipse(wide * side, -0.22, 0.06, 0.08, scene.colour(DARK))
    scene.limb(-0.36, 0.14, 0.36, 0.14, 0.022, scene.mixed(skin, 0, 0.6))


def _frog_from_above(scene: Scene) -> None:
    scene.place(turn=80, scale=(0.7, 1.1))
    skin = scene.colour(SKIN)
    shade = scene.mixed(skin, 0, 0.2)
    spread = scene.number(0.5, 0.75)
    for side in (-1, 1):
        scene.limb(-0.35, 0.2 * side, 0.0, spread * side, 0.09, shade)
        scene.limb(0.0, spread * side, -0.55, spread * side, 0.08, shade)
        scene.limb(0.3, 0.2 * side, 0.5, 0.5 * side, 0.06, shade)
    scene.ellipse(0.0, 0.0, 0.6, scene.number(0.28, 0.38), skin)
    for side in (-1, 1):
        scene.ellipse(0.38, 0.2 * side, 0.11, 0.11, scene.colour(((220, 190, 80),)))
        scene.ellipse(0.4, 0.2 * side, 0.05, 0.05, scene.colour(DARK))
    for at in (-0.3, -0.05, 0.15):
        scene.ellipse(at, scene.number(-0.2, 0.2), 0.08, 0.08, scene.mixed(skin, 0, 0.5), scene.chance(0.5))


MOTIFS: dict[str, tuple[tuple[Palette, Palette], tuple[Callable[[Scene], None], ...]]] = {
    "plane": ((SKY, (*SKY, *SKY, *ROAD, *GRASS)), (_plane_from_the_side, _plane_from_below)),
    "car": (((*SKY, *ROOM, *FOREST), ROAD), (_car, _car, _van)),
    "bird": (((*SKY, *FOREST), (*GRASS, *WATER, *SKY, *FOREST)), (_bird_standing, _bird_flying)),
    "cat": (
        ((*ROOM, *GRASS), (*ROOM, *ROAD)),
        (partial(_portrait, dog=False), partial(_sitting, dog=False), partial(_small_walking, dog=False)),
    ),
    "deer": (((*FOREST, *SKY), (*GRASS, *FOREST)), (_deer,)),
    "dog": (
        ((*ROOM, *GRASS), (*ROOM, *GRASS)),
        (partial(_portrait, dog=True), partial(_sitting, dog=True), partial(_small_walking, dog=True)),
    ),
    "frog": (((*GRASS, *FOREST), (*GRASS, *WATER, *FOREST)), (_frog_sitting, _frog_from_above)),
    "horse": (((*SKY, *FOREST), (*GRASS, *ROAD)), (_horse,)),
    "ship": ((SKY, WATER), (_ship, _sailing_boat)),
    "truck": ((SKY, (*ROAD, *ROAD, *GRASS)), (_truck, _truck, _pickup)),
}
"""For each class: what its scenes have above and below the horizon, and its views."""
