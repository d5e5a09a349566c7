using System.Text.Json;
using GlanceGateway.Images;
using GlanceGateway.Registry;

namespace GlanceGateway.Api.V2;

/// <summary>With whom an image is shared.</summary>
internal sealed class MemberHandlers(ImageServices images)
{
    private readonly ImageMembers members = images.Members;

    /// <summary><c>GET /v2/images/{image}/members</c>.</summary>
    public async Task ListAsync(ApiCall call)
    {
        var all = await members.ListAsync(call.Caller, call.ImageId, call.Aborted);
        await call.WriteJsonAsync(200, w =>
        {
            w.WriteStartObject();
            w.WriteStartArray("members");
            foreach (var member in all)
                Write(w, member);
            w.WriteEndArray();
            w.WriteString("schema", "/v2/schemas/members");
            w.WriteEndObject();
        });
    }

    /// <summary><c>POST /v2/images/{image}/members</c>. Answers 200, not 201.</summary>
    public async Task AddAsync(ApiCall call)
    {
        using var body = await call.ReadJsonAsync();
        if (body.RootElement.ValueKind != JsonValueKind.Object)
            throw new ApiException(400, "Expected a member in the form: {\"member\": \"image_id\"}");
        var name = JsonBody.Member(body.RootElement, "member") ?? throw new ApiException(400, "Member to be added not specified");
        if (name.ValueKind != JsonValueKind.String || name.GetString() is not { Length: > 0 } member)
            throw new ApiException(400, name.ValueKind is JsonValueKind.String or JsonValueKind.Null ? "Member can't be empty" : "Member must be a string");
        var added = await members.AddAsync(call.Caller, call.ImageId, member, call.Aborted);
        await call.WriteJsonAsync(200, w => Write(w, added));
    }

    /// <summary><c>GET /v2/images/{image}/members/{member}</c>.</summary>
    public async Task ShowAsync(ApiCall call)
    {
        var member = await members.GetAsync(call.Caller, call.ImageId, call.Places[1], call.Aborted);
        await call.WriteJsonAsync(200, w => Write(w, member));
    }

    /// <summary><c>PUT /v2/images/{image}/members/{member}</c>.</summary>
    public async Task UpdateAsync(ApiCall call)
    {
        using var body = await call.ReadJsonAsync();
        if (body.RootElement.ValueKind != JsonValueKind.Object)
            throw new ApiException(400, "Expected a status in the form: {\"status\": \"status\"}");
        var value = JsonBody.Member(body.RootElement, "status") ?? throw new ApiException(400, "Status not specified");
        var status = WireValues.Member(value.ValueKind == JsonValueKind.String ? value.GetString() : null)
            ?? throw new ApiException(400, "Incorrect request: Status must be \"pending\", \"accepted\" or \"rejected\".");
        var member = await members.SetStatusAsync(call.Caller, call.ImageId, call.Places[1], status, call.Aborted);
        await call.WriteJsonAsync(200, w => Write(w, member));
    }

    /// <summary><c>DELETE /v2/images/{image}/members/{member}</c>.</summary>
    public async Task RemoveAsync(ApiCall call)
    {
        await members.RemoveAsync(call.Caller, call.ImageId, call.Places[1], call.Aborted);
        await call.WriteNothingAsync();
    }

    private static void Write(Utf8JsonWriter writer, ImageMember member)
    {
        writer.WriteStartObject();
        writer.WriteString("member_id", member.MemberId);
        writer.WriteString("image_id", member.ImageId);
        writer.WriteString("status", WireNames.Of(member.Status));
        writer.WriteString("created_at", WireValues.Of(member.CreatedAt));
        writer.WriteString("updated_at", WireValues.Of(member.UpdatedAt));
        writer.WriteString("schema", "/v2/schemas/member");
        writer.WriteEndObject();
    }
}
