"""Formulas of an answer are set by KaTeX within the page's policy; what cannot be set stays text."""

import pytest
from playwright.sync_api import Page, expect
from tests.pages.conftest import Served, Visitor
from tests.pages.fake_service import text_answer

pytestmark = pytest.mark.browser


def answered(visitor: Visitor, served: Served, answer: str) -> Page:
    """A page that shows this answer."""
    served.suite.office.answers = [text_answer(answer)]
    page = visitor.open("/office/")
    visitor.ask(page, "식으로")
    expect(page.locator(".facts")).to_be_visible()
    return page


@pytest.mark.everyday
def test_formulas_of_all_four_marks_are_set(visitor: Visitor, served: Served) -> None:
    answer = "*넓이* \\(a*b*c\\)와 $x^2 + y_1$:\n\n$$\n\\frac{1}{2}\n= \\text{반}\n$$\n\n- \\[\\boxed{42}\\]"
    page = answered(visitor, served, answer)
    expect(page.locator(".answer math")).to_have_count(4)
    assert page.locator(".answer math[display=block]").count() == 2
    assert page.locator(".answer em").all_inner_texts() == ["넓이"]
    assert page.locator(".answer mfrac").count() == 1
    assert page.locator("math annotation").first.text_content() == "a*b*c"
    # Copying gives what the model wrote; the language may change without harm.
    page.get_by_role("button", name="Switch to English").click()
    expect(page.locator(".answer math")).to_have_count(4)


@pytest.mark.parametrize(
    "text",
    [
        "커피는 $5, 케이크는 $10입니다.",
        "$5-$6, US$7와 $8",
        "`$x$`",
        "```\n$x$\n```",
        "닫히지 않은 \\(x 와 $$y",
    ],
)
def test_what_is_no_formula_stays_as_it_is(visitor: Visitor, served: Served, text: str) -> None:
    page = answered(visitor, served, text)
    assert page.locator(".formula").count() == 0


@pytest.mark.parametrize(
    "tex",
    [
        r"\frac{1}",
        r"\def\a{\a\a}\a",
        r"\unknown{x}",
        "x" * 5000,
    ],
)
def test_what_cannot_be_set_stays_tex(visitor: Visitor, served: Served, tex: str) -> None:
    page = answered(visitor, served, f"$y$와 ${tex}$")
    expect(page.locator(".formula math")).to_have_count(1)
    expect(page.locator(".formula").last).to_have_text(f"${tex}$")


@pytest.mark.everyday
def test_a_formula_makes_no_link_image_or_style(visitor: Visitor, served: Served) -> None:
    tex = (
        r"\href{javascript:alert(1)}{a} \url{https://example.com/} "
        r"\includegraphics{https://example.com/a.png} "
        r"\htmlStyle{color:red}{b} \htmlClass{c}{d} \pmb{e} \fcolorbox{red}{blue}{f} \rule{1000em}{1000em}"
    )
    page = answered(visitor, served, f"$${tex}$$")
    expect(page.locator(".answer math")).to_have_count(1)
    assert page.locator(".answer math :is(a, img, mglyph, [href], [style], [class~=c])").count() == 0
    box = page.locator(".answer math").bounding_box()
    assert box is not None
    assert box["height"] < 1000


def test_without_katex_formulas_stay_tex(visitor: Visitor, served: Served) -> None:
    served.suite.office.answers = [text_answer("값은 $x*y*z$입니다.")]
    visitor.context.route("**/math/*", lambda route: route.abort())
    page = visitor.open("/office/")
    visitor.ask(page, "식으로")
    expect(page.locator(".facts")).to_be_visible()
    expect(page.locator(".answer")).to_have_text("값은 $x*y*z$입니다.")
