"""Pictures of instruments, many bands, many pages, and files that lack their end: a rule for each, and it is said."""

import io

import numpy as np
import pytest
from PIL import Image

from blocks.errors import ImageTooLarge, UnreadableImage
from tasks.intake.decoding.headers import MAX_SIDE_PX, read_header
from tasks.intake.decoding.stretch import stretch_of
from tasks.intake.images import DEEP, FOURTH_BAND, MENDED, STRETCHED, decode_upright, encode_jpeg, inspect_image
from tests.intake.factories import draw_corners, draw_noise, encoded, png_claiming, tiff

RAMP = np.linspace(0.0, 1.0, 5000).reshape(50, 100)
RGB = draw_corners()


# --- more than eight bits ---


@pytest.mark.parametrize(
    "values",
    [
        RAMP.astype(np.float32) * 0.1,
        (RAMP * 4095).astype(np.uint16),
        (28_000 + RAMP * 2000).astype(np.uint16),
        (RAMP * 1e6).astype(np.float32),
        RAMP * 1e6,
        (RAMP * 4000 - 2000).astype(np.int16),
        (RAMP * 1_000_000).astype(np.uint32),
    ],
    ids=["dark floats", "12 in 16 bits", "thermal", "large floats", "64-bit floats", "signed", "32 bits"],
)
def test_values_of_more_than_eight_bits_are_stretched_to_what_one_sees(values: np.ndarray) -> None:
    shown = decode_upright(tiff(values))[..., 0].astype(int)
    assert (shown.min(), shown.max()) == (0, 255)
    assert 120 < shown[25].mean() < 140  # the middle row is the middle
    assert (np.diff(shown.reshape(-1)) >= 0).all()
    assert inspect_image(tiff(values)).notes == (STRETCHED,)


@pytest.mark.parametrize(
    "values",
    [RAMP.astype(np.float32), (RAMP * 255).astype(np.float32), (RAMP * 65_535).astype(np.uint16), RAMP * 200],
    ids=["floats 0 to 1", "floats 0 to 255", "16 bits", "64-bit floats"],
)
def test_what_fills_its_usual_range_stands_as_it_is(values: np.ndarray) -> None:
    usual = 1.0 if values.max() <= 1 else 255.0 if values.max() <= 255 else 65_535.0
    shown = decode_upright(tiff(values))[..., 1].astype(float)
    assert np.abs(shown - values / usual * 255).max() <= 1
    assert inspect_image(tiff(values)).notes == (DEEP,)


@pytest.mark.parametrize("top", [4095, 300], ids=["12 bits", "a dark picture"])
@pytest.mark.parametrize("kind", ["tiff", "png"])
def test_deep_colours_are_stretched_alike_so_that_they_stay(kind: str, top: int) -> None:
    import cv2

    deep = (RGB.astype(np.float64) / 255 * top).astype(np.uint16)
    data = tiff(deep) if kind == "tiff" else cv2.imencode(".png", deep[..., ::-1])[1].tobytes()
    np.testing.assert_array_equal(decode_upright(data), RGB[..., ::-1])
    assert inspect_image(data).notes == (STRETCHED,)
    assert not inspect_image(data).plain


def test_floats_in_three_bands_are_read() -> None:
    data = tiff((RGB / 255).astype(np.float32))
    np.testing.assert_array_equal(decode_upright(data), RGB[..., ::-1])
    facts = inspect_image(data)
    assert (facts.width, facts.height, facts.media_type, facts.plain) == (48, 32, "image/tiff", False)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_deep_colours_are_upright_too(orientation: int) -> None:
    back = {2: RGB[:, ::-1], 3: RGB[::-1, ::-1], 4: RGB[::-1], 5: RGB.transpose(1, 0, 2), 6: np.rot90(RGB, 1)}
    back |= {7: RGB[::-1, ::-1].transpose(1, 0, 2), 8: np.rot90(RGB, -1)}
    stored = back.get(orientation, RGB).astype(np.uint16) * 257
    data = tiff(stored, tags={274: (orientation,)})
    assert (inspect_image(data).width, inspect_image(data).height) == (48, 32)
    np.testing.assert_array_equal(decode_upright(data), RGB[..., ::-1])


def test_hot_pixels_and_what_is_no_value_do_not_flatten_a_picture() -> None:
    values = RAMP.astype(np.float32) * 0.01
    values[0, :2] = (9e9, -9e9)
    values[1, :3] = (np.nan, np.inf, -np.inf)
    shown = decode_upright(tiff(values))[..., 0]
    assert shown[10:40].std() > 30
    assert shown[1, :3].tolist() == [0, 0, 0]


def test_the_value_for_no_data_does_not_count() -> None:
    values = RAMP.astype(np.float32) * 10 + 500
    values[:10] = -9999
    text = tuple(b"-9999\0")
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "TIFF", tiffinfo={42113: bytes(text).decode()})
    shown = decode_upright(buffer.getvalue())[..., 0]
    assert shown[:10].max() == 0
    assert shown[12:].std() > 50


def test_one_value_everywhere_is_black_and_a_few_bright_spots_are_seen() -> None:
    assert decode_upright(tiff(np.full((9, 9), 700, np.uint16))).max() == 0
    spots = np.full((100, 100), 10, np.uint16)
    spots[0, 0] = 900
    assert decode_upright(tiff(spots))[0, 0, 0] == 255
    assert not stretch_of(np.zeros(0, np.float32)).moved


# --- kinds of TIFF ---


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.zeros((4, 6, 2), np.float32), "6×4 pixels with 2 bands of 32 bits .float"),
        (np.zeros((4, 6, 7), np.uint16), "7 bands of 16 bits .unsigned"),
        (np.zeros((4, 6, 3), np.uint32), "3 bands of 32 bits"),
    ],
)
def test_a_tiff_that_is_not_read_says_which_kind_it_is(values: np.ndarray, said: str) -> None:
    for read in (inspect_image, decode_upright):
        with pytest.raises(UnreadableImage, match=rf"{said}.*not read: expected 1, 3 or 4 bands"):
            read(tiff(values))


def test_a_fourth_band_is_transparency_only_where_the_file_says_so() -> None:
    infrared = np.dstack([RGB, np.zeros((32, 48), np.uint8)])
    for data in (tiff(infrared), tiff(infrared, tags={338: (0,)})):
        np.testing.assert_array_equal(decode_upright(data), RGB[..., ::-1])
        assert inspect_image(data).notes == (FOURTH_BAND,)
    transparent = tiff(infrared, tags={338: (2,)})
    assert (decode_upright(transparent) == 255).all()
    assert inspect_image(transparent).notes == ()
    deep = infrared.astype(np.uint16) * 257
    np.testing.assert_array_equal(decode_upright(tiff(deep)), RGB[..., ::-1])
    assert (decode_upright(tiff(deep, tags={338: (2,)})) == 255).all()


# --- several pictures in one file ---


def test_of_several_pages_or_frames_the_first_is_taken_and_it_is_said() -> None:
    colours = [Image.new("RGB", (20, 10), colour) for colour in ("red", "green", "blue")]
    for kind, what in (("TIFF", "pages"), ("GIF", "frames"), ("WEBP", "frames"), ("PNG", "frames")):
        data = encoded(colours[0], kind, save_all=True, append_images=colours[1:])
        facts = inspect_image(data)
        assert facts.notes == (f"of several {what} the first is taken",)
        assert not facts.plain
        assert np.abs(decode_upright(data)[0, 0].astype(int) - (0, 0, 255)).max() <= 2
        assert inspect_image(encoded(colours[0], kind)).notes == ()


def test_smaller_copies_of_a_picture_are_no_pages() -> None:
    buffer = io.BytesIO()
    with Image.new("RGB", (20, 10), "red") as image:
        copy = Image.new("RGB", (10, 5), "red")
        copy.encoderinfo = {"tiffinfo": {254: 1}}
        image.save(buffer, "TIFF", save_all=True, append_images=[copy])
    assert inspect_image(buffer.getvalue()).notes == ()


def test_pages_that_point_at_each_other_are_counted_once() -> None:
    data = bytearray(tiff(RGB))
    directory_at = int.from_bytes(data[4:8], "little")
    entries = int.from_bytes(data[directory_at : directory_at + 2], "little")
    data[directory_at + 2 + 12 * entries :][:4] = data[4:8]
    at = directory_at + 2 + 12 * entries
    data[at : at + 4] = data[4:8]
    np.testing.assert_array_equal(decode_upright(bytes(data)), RGB[..., ::-1])


# --- files without their end ---


@pytest.mark.parametrize("missing", [1, 2])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}], ids=["plain", "scans", "444"])
def test_a_jpeg_that_lacks_only_its_end_mark_is_whole(missing: int, options: dict[str, object]) -> None:
    whole = encoded(draw_noise(2, 160, 120), "JPEG", quality=90, **options)
    facts = inspect_image(whole[:-missing])
    assert facts.notes == (MENDED,)
    assert facts.plain  # browsers show it
    np.testing.assert_array_equal(decode_upright(whole[:-missing]), decode_upright(whole))


@pytest.mark.parametrize("missing", [20, 200, 2000])
def test_a_jpeg_that_lacks_more_is_refused(missing: int) -> None:
    whole = encoded(draw_noise(2, 160, 120), "JPEG", quality=90)
    for read in (inspect_image, decode_upright):
        with pytest.raises(UnreadableImage, match="truncated"):
            read(whole[:-missing])


# --- what nobody could look at ---


@pytest.mark.parametrize("kind", ["TIFF", "PNG"])
def test_a_side_that_browsers_do_not_show_is_refused(kind: str) -> None:
    data = encoded(Image.new("RGB", (70_000, 60), "red"), kind)
    for read in (inspect_image, decode_upright):
        with pytest.raises(ImageTooLarge, match=r"70000×60 pixels: browsers show no side longer than 32,767"):
            read(data)
    longest = decode_upright(encoded(Image.new("1", (MAX_SIDE_PX, 1)), "PNG"))
    assert encode_jpeg(longest)


def test_what_takes_more_memory_than_a_picture_may_is_refused_by_its_header() -> None:
    with pytest.raises(ImageTooLarge, match=r"18000×18000 pixels of this PNG \(RGB\) take 2.3 GB .*1.9 GB are allowed"):
        read_header(png_claiming(18_000, 18_000))
