"""The motifs of the demo set: each function draws one kind of thing into a batch of scenes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from engine.data.sources.demo.drawing import Floats, Point, Scene, palette

DARK, PALE, ORANGE = palette("1e1c1e"), palette("d7dce1"), palette("be823c d2aa3c")
SKY = palette("69a0e1 b9cde6 e1e1e4 d79678 506487")
GRASS = palette("558732 7d9141 3c5a28 969650")
FOREST = palette("284123 465532 5f5537 3c3223")
ROAD = palette("6e6e73 96918c 555250 afa591")
WATER = palette("285a91 3c7887 5a6e82 1e3c5a")
ROOM = palette("af8c69 c8beaf 7d5041 646e91 963c3c 5a5f4b")
PAINT = palette("be2828 2846a0 e1e1e1 2d2d32 c8aa32 3c784b 969696")
METAL = palette("ebebf0 bec3cd d7d7dc 788296 c85a50")
FUR = palette("3c322d a57341 cdb99b 786e69 e1dcd2 be8246")
HIDE = palette("7d502d a5784b 5f3c28 734123 3c281e")
FEATHER = palette("5f5041 aa3c2d 3c64a5 dcd7cd 323032 c8a53c")
SKIN = palette("558c32 78963c 6e5f32 3c6941 a09646")
SIDES = (-1, 1)


def _plane_from_the_side(scene: Scene) -> None:
    scene.place(turn=22)
    body, tail, reach = scene.colour(METAL), scene.number(0.25, 0.45), scene.number(0.25, 0.5)
    scene.polygon((-0.88, -tail), (-0.7, -tail), (-0.45, 0), (-0.75, 0), colour=scene.colour(PAINT))
    scene.limb((-0.72, 0), (0.62, scene.number(-0.04, 0.06)), scene.number(0.09, 0.15), body)
    scene.polygon((-0.2, 0.03), (0.2, 0.03), (-0.2, reach), (-0.36, reach), colour=body * 0.75)


def _plane_from_below(scene: Scene) -> None:
    scene.place(turn=75)
    body, sweep, reach = scene.colour(METAL), scene.number(0.05, 0.5), scene.number(0.6, 0.95)
    for side in SIDES:
        tip = reach * side
        scene.polygon((0.2, 0), (-0.15, 0), (-0.2 - sweep, tip), (-0.06 - sweep, tip), colour=body * 0.88)
        scene.polygon((-0.55, 0), (-0.75, 0), (-0.88, 0.32 * side), (-0.76, 0.32 * side), colour=body * 0.88)
    scene.limb((-0.75, 0), (0.72, 0), scene.number(0.07, 0.12), body)


def _car(scene: Scene) -> None:
    scene.place(turn=6)
    paint, roof = scene.colour(PAINT), scene.number(-0.45, -0.24)
    front, back = scene.number(0.25, 0.6), scene.number(-0.8, -0.4)
    scene.polygon((back, 0), (back + 0.18, roof), (front - 0.25, roof), (front, 0), colour=paint)
    scene.box((back + front) / 2, roof / 2, (front - back) / 4, -roof / 3, scene.colour(PALE, DARK))
    scene.box(0, 0.14, scene.number(0.72, 0.85), scene.number(0.14, 0.19), paint)
    _wheels(scene, -0.45, 0.47)


def _truck(scene: Scene) -> None:
    scene.place(turn=6)
    roof, top = scene.number(-0.6, 0), scene.number(-0.4, -0.15)
    scene.box(0, 0.22, 0.85, 0.06, scene.colour(DARK))
    scene.box(-0.25, (roof + 0.18) / 2, 0.62, (0.18 - roof) / 2, scene.colour(PAINT, METAL))
    scene.polygon((0.42, 0.25), (0.42, top), (0.72, top), (0.9, 0.25), colour=scene.colour(PAINT))
    scene.box(0.62, top + 0.14, 0.11, 0.08, scene.colour(PALE, DARK))
    _wheels(scene, -0.68, -0.36, 0.6)


def _wheels(scene: Scene, *places: float) -> None:
    tyre, hub, size = scene.colour(DARK, spread=8), scene.colour(METAL), scene.number(0.13, 0.19)
    for u in places:
        scene.ellipse(u, 0.31, size, size, tyre)
        scene.ellipse(u, 0.31, size * 0.45, size * 0.45, hub)


def _ship(scene: Scene) -> None:
    scene.place(turn=9)
    height, mast = scene.number(0.15, 0.4), scene.number(-0.1, 0.5)
    scene.box(scene.number(-0.4, -0.1), -height / 2, scene.number(0.15, 0.4), height / 2 + 0.06, scene.colour(METAL))
    scene.box(scene.number(-0.4, 0), -0.1 - height, scene.number(0.05, 0.14), 0.14, scene.colour(PAINT))
    scene.limb((mast, 0.05), (mast, scene.number(-0.8, -0.4)), 0.025, scene.colour(DARK), scene.chance(0.6))
    scene.polygon((-0.85, 0.02), (0.92, -0.06), (0.62, 0.36), (-0.7, 0.36), colour=scene.colour(PAINT))


def _bird_standing(scene: Scene) -> None:
    scene.place(turn=18)
    plumage, thin, up = scene.colour(FEATHER), scene.colour(ORANGE, DARK), scene.number(-0.5, -0.25)
    for u in (-0.06, 0.08):
        scene.limb((u, 0.2), (u + 0.03, scene.number(0.5, 0.75)), 0.025, thin)
    scene.limb((-0.2, 0.1), (-0.9, scene.number(0, 0.3)), 0.1, plumage * 0.7)
    scene.ellipse(0, 0.05, 0.45, scene.number(0.24, 0.34), plumage)
    scene.limb((0.2, 0), (0.36, up), 0.15, plumage)
    scene.polygon((0.46, up - 0.09), (scene.number(0.68, 0.95), up + 0.02), (0.46, up + 0.08), colour=thin)


def _bird_flying(scene: Scene) -> None:
    scene.place(turn=40)
    plumage, reach, bend = scene.colour(FEATHER), scene.number(0.5, 0.85), scene.number(-0.3, 0.2)
    for tip in (-reach, reach * 0.6):
        scene.polygon((-0.2, 0), (bend - 0.12, tip), (bend + 0.05, tip), (0.22, 0), colour=plumage * 0.8)
    scene.polygon((-0.3, 0), (-0.8, 0.18), (-0.8, -0.16), colour=plumage * 0.8)
    scene.limb((-0.35, 0), (0.46, -0.04), 0.12, plumage)


def _portrait(scene: Scene, dog: bool) -> None:
    """Draw a head. A cat's ears mostly stand up, a dog's mostly hang, and a dog's muzzle and nose are larger."""
    scene.place(turn=16)
    fur, dark, size = scene.colour(FUR), scene.colour(DARK), scene.number(0.4, 0.62)
    pointed, muzzle, nose = scene.chance(0.2 if dog else 0.9), scene.number(0.25, 0.4) + 0.15 * dog, 0.11 + 0.09 * dog
    scene.ellipse(0, 0.95, 0.6, 0.6, fur * 0.88)
    for u in (-size, size):
        scene.polygon((0.25 * u, -0.7 * size), (0.8 * u, -1.4 * size), (0.95 * u, 0), colour=fur * 0.7, shown=pointed)
    scene.ellipse(0, 0, size, size * scene.number(0.8, 1), fur)
    for u in (-size, size):
        scene.ellipse(0.92 * u, size * 0.15, size * 0.28, size * 0.7, fur * 0.7, 1 - pointed)
        scene.ellipse(0.42 * u, size * -0.18, size * 0.17, size * 0.17, dark)
    scene.ellipse(0, size * 0.42, size * muzzle, size * muzzle, (fur + scene.colour(PALE)) / 2)
    scene.ellipse(0, size * 0.25, size * nose, size * nose, dark)


def _walking(scene: Scene, coat: Floats, legs: float, thick: float, belly: float, neck: float, muzzle: float) -> Point:
    """Draw an animal on four legs from the side, and return the place of its head."""
    scene.place(turn=9)
    stride, foot, body = scene.number(-0.12, 0.12), legs + scene.number(0, 0.2), belly + scene.number(-0.04, 0.04)
    rise, ahead = -neck + scene.number(-0.12, 0.12), scene.number(0.55, 0.72)
    for u, sign, shade in ((-0.36, 1, 0.75), (0.38, -1, 0.75), (-0.46, -1, 1), (0.28, 1, 1)):
        scene.limb((u, 0.1), (u + stride * sign, foot), thick, coat * shade)
    scene.ellipse(-0.04, 0, 0.56, body, coat)
    scene.limb((0.4, -0.08), (ahead, rise), body * 0.5, coat)
    scene.ellipse(ahead + muzzle * 0.5, rise + 0.03, muzzle, 0.1 + thick / 2, coat)
    return ahead, rise


def _pet(scene: Scene, dog: bool) -> None:
    fur = scene.colour(FUR)
    u, v = _walking(scene, fur, legs=0.42, thick=0.075, belly=0.23, neck=0.3, muzzle=0.16 + 0.09 * dog)
    scene.limb((-0.52, -0.05), (-0.85, scene.number(-0.6, -0.1)), 0.06, fur)
    if dog:
        scene.ellipse(u + 0.02, v + 0.06, 0.07, 0.16, fur * 0.65)
    else:
        scene.polygon((u - 0.06, v - 0.05), (u, v - 0.3), (u + 0.1, v - 0.05), colour=fur * 0.65)


def _deer(scene: Scene) -> None:
    u, v = _walking(scene, scene.colour(HIDE), legs=0.65, thick=0.045, belly=0.21, neck=0.52, muzzle=0.17)
    scene.ellipse(-0.58, -0.08, 0.09, 0.12, scene.colour(PALE))
    antlers, bone = scene.chance(0.65), scene.colour(FUR)
    for lean in (-0.18, 0.14):
        scene.limb((u, v - 0.06), (u + lean, v - scene.number(0.32, 0.5)), 0.026, bone, antlers)


def _horse(scene: Scene) -> None:
    coat, hair = scene.colour(HIDE, FUR), scene.colour(DARK)
    u, v = _walking(scene, coat, legs=0.6, thick=0.065, belly=0.26, neck=0.45, muzzle=0.24)
    scene.limb((-0.55, -0.1), (scene.number(-0.85, -0.65), scene.number(0.25, 0.5)), 0.07, hair)
    scene.limb((0.32, -0.2), (u - 0.08, v - 0.04), 0.06, hair)


def _frog(scene: Scene) -> None:
    scene.place(turn=25)
    skin, eye, dark, wide = scene.colour(SKIN), scene.colour(ORANGE), scene.colour(DARK), scene.number(0.24, 0.36)
    for side in SIDES:
        scene.ellipse(0.6 * side, 0.32, 0.3, 0.22, skin * 0.75)
        scene.ellipse(wide * side, -0.2, 0.19, 0.19, skin)
    scene.ellipse(0, 0.2, 0.6, scene.number(0.34, 0.46), skin)
    for side in SIDES:
        scene.ellipse(wide * side, -0.22, 0.12, 0.12, eye)
        scene.ellipse(wide * side, -0.22, 0.06, 0.08, dark)


Palettes = tuple[Floats, ...]
MOTIFS: dict[str, tuple[Palettes, Palettes, tuple[Callable[[Scene], None], ...]]] = {
    "plane": ((SKY,), (SKY, SKY, ROAD, GRASS), (_plane_from_the_side, _plane_from_below)),
    "car": ((SKY, ROOM, FOREST), (ROAD,), (_car,)),
    "bird": ((SKY, FOREST), (GRASS, WATER, SKY, FOREST), (_bird_standing, _bird_flying)),
    "cat": ((ROOM, GRASS), (ROOM, ROAD), (partial(_portrait, dog=False), partial(_pet, dog=False))),
    "deer": ((FOREST, SKY), (GRASS, FOREST), (_deer,)),
    "dog": ((ROOM, GRASS), (ROOM, GRASS), (partial(_portrait, dog=True), partial(_pet, dog=True))),
    "frog": ((GRASS, FOREST), (GRASS, WATER, FOREST), (_frog,)),
    "horse": ((SKY, FOREST), (GRASS, ROAD), (_horse,)),
    "ship": ((SKY,), (WATER,), (_ship,)),
    "truck": ((SKY,), (ROAD, ROAD, GRASS), (_truck,)),
}
"""For each class the palettes above and below the horizon, and its views."""
