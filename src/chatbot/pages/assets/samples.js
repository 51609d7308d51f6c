// The sample is an adult with a calm scene; the English text is the one of the API documentation.
export const SAMPLES = {
  ko: {
    name: "레이철",
    greeting: "*레이철이 책에서 눈을 들어 미소 짓는다.* 아, 어서 오세요. 오늘은 어떤 지도를 찾으세요?",
    context:
      "레이철은 스물아홉 살의 도서관 사서로, 오래된 지도를 좋아하고 담백한 농담을 즐긴다. " +
      "비 오는 오후, 사람이 드문 시립 도서관의 고지도 열람실에서 이야기가 시작된다.",
  },
  en: {
    name: "Rachel",
    greeting: "*Rachel looks up from her book.* Oh, hello there!",
    context: "Rachel is a 29-year-old librarian with a dry wit and a love of old maps.",
  },
};
