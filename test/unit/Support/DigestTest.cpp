#include "SelfOpt/Support/Digest.h"

#include "gtest/gtest.h"

using namespace selfopt;

// From BLAKE3's published test vectors (input_len 0), and what `b3sum` prints for "abc".
TEST(Digest, KnownAnswers) {
  EXPECT_EQ(digestHex(""), "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
  EXPECT_EQ(digestHex("abc"), "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85");
}

TEST(Digest, PiecesGiveTheDigestOfTheWhole) {
  Digester digester;
  digester.add("a");
  EXPECT_EQ(digester.hex(), digestHex("a"));
  EXPECT_EQ(digester.add("bc").hex(), digestHex("abc"));
}

TEST(Digest, FieldsKeepTheirBorders) {
  EXPECT_NE(Digester().addField("ab").addField("c").hex(), Digester().addField("a").addField("bc").hex());
}
